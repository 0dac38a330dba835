"""The shop's HTTP face."""

import asyncpg
from aiohttp import ClientError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import catalogue, orders, payments, reports
from .exports import DamagedRowError, Exports
from .payments import OwnSessions
from .pools import Pools

# What a service answers 503 to: the database, the bank or the wait for either failed.
_OUTAGES = (
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    ClientError,
    OSError,
    TimeoutError,
)


class Shop:
    """The pools, what runs in them, and the routes that lead there."""

    def __init__(self, pools: Pools, own_sessions: OwnSessions) -> None:
        """The shop closes neither the pools nor the sessions."""
        self.pools = pools
        self.own_sessions = own_sessions
        self.exports = Exports(pools)
        self.app = Starlette(
            routes=[
                Route("/shelves/{shelf:int}", self.shelf),
                Route("/products/{product:int}", self.product),
                Route("/orders", self.place_order, methods=["POST"]),
                Route("/orders/{order:int}", self.order),
                Route("/orders/{order:int}/pay", self.pay, methods=["POST"]),
                Route("/orders/{order:int}/audit", self.audit, methods=["POST"]),
                Route("/orders/archive", self.archive, methods=["POST"]),
                Route("/deliveries", self.delivery, methods=["POST"]),
                Route("/exports", self.export, methods=["POST"]),
                Route("/charges", self.charge, methods=["POST"]),
                Route("/rates", self.rates),
                Route("/reports/day", self.day),
                Route("/reports/year", self.year),
            ],
            exception_handlers=dict.fromkeys((*_OUTAGES, DamagedRowError), _failed),
        )

    async def shelf(self, request: Request) -> Response:
        """One shelf."""
        return JSONResponse(await catalogue.browse_shelf(self.pools, request.path_params["shelf"]))

    async def product(self, request: Request) -> Response:
        """One product."""
        product = await catalogue.show_product(self.pools, request.path_params["product"])
        return JSONResponse(product, 404 if product is None else 200)

    async def place_order(self, request: Request) -> Response:
        """A new order of `product`s by `customer`."""
        products = sorted({int(each) for each in request.query_params.getlist("product")})
        customer = int(request.query_params["customer"])
        return JSONResponse({"state": await orders.place_order(self.pools, customer, products)})

    async def order(self, request: Request) -> Response:
        """Where an order is."""
        state = await orders.order_state(self.pools, request.path_params["order"])
        return JSONResponse({"state": state}, 404 if state is None else 200)

    async def pay(self, request: Request) -> Response:
        """Pay an order that a person at the bank looks at."""
        order = request.path_params["order"]
        return JSONResponse({"state": await orders.pay_inside_transaction(self.pools, order)})

    async def audit(self, request: Request) -> Response:
        """Note that somebody looked at an order."""
        await orders.audit_order(self.pools, request.path_params["order"])
        return Response(status_code=204)

    async def archive(self, _: Request) -> Response:
        """Remove the oldest orders."""
        await orders.archive_orders(self.pools)
        return Response(status_code=204)

    async def delivery(self, request: Request) -> Response:
        """A delivery of `product`s."""
        products = [int(each) for each in request.query_params.getlist("product")]
        await orders.receive_delivery(self.pools, products)
        return Response(status_code=204)

    async def export(self, request: Request) -> Response:
        """The newest orders as CSV."""
        damaged = "damaged" in request.query_params
        lines = await self.exports.export_orders(damaged=damaged)
        return Response(lines, media_type="text/csv")

    async def charge(self, request: Request) -> Response:
        """A charge that has no order here."""
        order = int(request.query_params["order"])
        return JSONResponse({"state": await self.own_sessions.charge(order, 500)})

    async def rates(self, _: Request) -> Response:
        """Exchange rates."""
        return JSONResponse(await payments.exchange_rates(self.pools))

    async def day(self, _: Request) -> Response:
        """The day's report."""
        return JSONResponse(await reports.in_thread(self.pools, reports.daily_revenue))

    async def year(self, _: Request) -> Response:
        """The year's report."""
        return JSONResponse(await reports.in_thread(self.pools, reports.yearly_report))


async def _failed(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": type(error).__name__}, 503)
