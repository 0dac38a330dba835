"""Starlette, with an async engine of SQLAlchemy.

uvicorn examples.starlette_app:app
"""

import os

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from dashboard import Dashboard

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=5, pool_pre_ping=True)
dash = Dashboard(title="Shop")  # closed, until POOL_DASHBOARD_TOKEN is set
dash.watch(engine, name="shop")


async def home(_: Request) -> PlainTextResponse:
    """How much is in stock."""
    async with engine.connect() as connection:
        return PlainTextResponse(str(await connection.scalar(text("select 42"))))


app = Starlette(
    routes=[Route("/", home), Mount("/pools", dash)], middleware=[Middleware(dash.middleware)]
)
