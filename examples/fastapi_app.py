"""FastAPI: the pool opens and closes with the application.

uvicorn examples.fastapi_app:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request

from dashboard import Dashboard

dash = Dashboard(title="Orders")  # closed, until POOL_DASHBOARD_TOKEN is set


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open for as long as the application runs."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=5) as pool:
        app.state.pool = pool
        with dash.watch(pool, name="orders"):
            yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(dash.middleware)
app.mount("/pools", dash)


@app.get("/orders/{order}")
async def order(order: int, request: Request) -> int:
    """One order."""
    async with request.app.state.pool.acquire() as connection:
        found: int = await connection.fetchval("select $1::int", order)
        return found
