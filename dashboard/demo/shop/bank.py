"""The bank: somebody else's slow service, over HTTP."""

import asyncio
from contextlib import suppress
from random import Random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_TYPICAL = 0.16
_REVIEW = 2.2
_SPREAD = 0.45
_DECLINED = 0.04


class Bank:
    """Answers after a lognormal latency; the same seed gives the same latencies in order."""

    def __init__(self, seed: int) -> None:
        """Nothing is shared with the shop but HTTP."""
        self._random = Random(f"bank {seed}")
        self._is_closing = asyncio.Event()
        self.app = Starlette(
            routes=[
                Route("/charge", self.charge, methods=["POST"]),
                Route("/review", self.review, methods=["POST"]),
                Route("/rates", self.rates),
            ]
        )

    async def charge(self, _: Request) -> Response:
        """Charge a card; a few are declined."""
        declined = self._random.random() < _DECLINED
        await self._work(_TYPICAL)
        return JSONResponse({"state": "declined" if declined else "paid"})

    async def review(self, _: Request) -> Response:
        """Charge a card that a person looks at first."""
        await self._work(_REVIEW)
        return JSONResponse({"state": "paid"})

    async def rates(self, _: Request) -> Response:
        """Today's exchange rates."""
        await self._work(_TYPICAL / 4)
        return JSONResponse({"EUR": 1.0, "USD": 1.09, "GBP": 0.85})

    def close(self) -> None:
        """Answer whoever still waits, so that the server can end at once."""
        self._is_closing.set()

    async def _work(self, median: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(median * self._random.lognormvariate(0, _SPREAD)):
                await self._is_closing.wait()
