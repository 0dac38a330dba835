"""The shared servers are real and end with their test."""

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.house.servers import serving

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres


async def _hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


_APP = Starlette(routes=[Route("/", _hello)])


def test_served_app_answers(serve_app: Callable[[ASGIApp], str]) -> None:
    with urllib.request.urlopen(serve_app(_APP)) as answer:
        assert answer.read() == b"hello"


def test_served_app_ends() -> None:
    with serving(_APP) as address:
        pass
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(address)


def test_postgres_answers(postgres: "Postgres") -> None:
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
