"""Litestar, with a session of aiohttp.

uvicorn examples.litestar_app:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

from aiohttp import ClientSession
from litestar import Litestar, asgi, get
from litestar.datastructures import State
from litestar.types import Receive, Scope, Send

from dashboard import Dashboard

dash = Dashboard(title="Payments")  # closed, until POOL_DASHBOARD_TOKEN is set


@asynccontextmanager
async def bank(app: Litestar) -> AsyncIterator[None]:
    """One session for as long as the application runs."""
    async with ClientSession(os.environ["BANK_URL"]) as session:
        app.state.bank = session
        with dash.watch(session, name="bank"):
            yield


@get("/rates")
async def rates(state: State) -> str:
    """The bank's answer."""
    async with state.bank.get("/") as answer:
        return str(answer.status)


@asgi("/pools", is_mount=True, copy_scope=True)
async def pools(scope: Scope, receive: Receive, send: Send) -> None:
    """The dashboard; Litestar took the prefix off its path and put a slash at the end."""
    whole = {**scope, "path": unquote(scope["raw_path"].decode()), "root_path": "/pools"}
    await dash(whole, receive, send)  # type: ignore[arg-type]


app = Litestar([rates, pools], lifespan=[bank], middleware=[dash.middleware])
