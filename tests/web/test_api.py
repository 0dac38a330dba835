"""The JSON API."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from urllib.parse import quote

import httpx
import pytest
from starlette.types import ASGIApp

from dashboard.web.access import Access
from dashboard.web.shapes import plain, settings
from dashboard.web.site import build

from . import asking
from .crowded import pool
from .given import Given, many, orders

Serve = Callable[[ASGIApp], str]


def ask(path: str, given: Given | None = None) -> httpx.Response:
    """One answer, without a server."""
    return asking.ask(build(given or orders(), Access(allow_unauthenticated=True)), path)


def test_pools_are_a_list_with_every_figure() -> None:
    answer = ask("/api/pools")
    assert answer.headers["content-type"] == "application/json"
    orders_, reports = answer.json()
    assert orders_["source"] == {"host": "web-1", "pid": 4242, "service": "orders"}
    assert orders_["wait_time"] == pytest.approx(
        {"count": 3, "mean": 0.134, "p50": 0.002, "p95": 0.4, "p99": 0.4, "max": 0.4}, rel=0.04
    )
    figures = {key: value for key, value in orders_.items() if isinstance(value, str | int | float)}
    assert figures == {
        "name": "orders",
        "library": "sqlalchemy",
        "kind": "QueuePool",
        "backend": "postgresql",
        "address": "db/orders",
        "state": "open",
        "size": 5,
        "max": 7,
        "used": 2,
        "idle": 3,
        "overflow": 0,
        "count": 5,
        "peak": 7,
        "peak_at": "2026-11-22T10:00:00+00:00",
        "pending_requests": 1,
        "oldest_wait": 0.4,
        "timeouts": 3,
        "last_timeout": "2026-11-22T09:50:00+00:00",
        "checkouts": 1283,
        "checkins": 1281,
        "created": 9,
        "closed": 4,
        "detached": 0,
        "lost": 1,
        "checkout_rate": 9.4,
        "window": 900.0,
        "since": "2026-11-22T09:00:00+00:00",
        "unmatched": 0,
        "probe_errors": 0,
        "sees_statements": False,
        "last_probe_error": "place_order",
    }
    assert reports["name"] == "reports"
    assert not {"open", "waiting", "call_sites", "recently_lost", "config"} & set(orders_)


def test_no_pool_is_an_empty_list() -> None:
    assert ask("/api/pools", Given()).json() == []


def test_pool_shows_who_holds_and_who_waits() -> None:
    found = ask("/api/pools/orders?range=5m").json()
    assert found["open"][0] == {
        "call_site": {"file": "shop/place_order.py", "line": 88, "function": "place_order"},
        "stack": [
            {
                "file": "shop/place_order.py",
                "line": 88,
                "function": "place_order",
                "is_library": False,
            },
            {
                "file": "sqlalchemy/pool/base.py",
                "line": 712,
                "function": "connect",
                "is_library": True,
            },
        ],
        "owner": {"kind": "task", "name": "place_order", "ident": 7, "is_alive": True},
        "request": {"method": "GET", "route": "/place_order"},
        "held_for": 95.0,
        "last_used": 47.5,
        "backend_pid": 512,
        "connection": 3,
        "wait_time": 0.002,
        "since": "2026-11-22T09:58:25+00:00",
        "now": [],
        "age": 600.0,
        "uses": 12,
        "host": None,
        "phases": {},
        "expected_hold": None,
        "is_adopted": False,
        "is_retired": False,
        "is_unreferenced": False,
        "quiet_for": 0.0,
        "statements": 0,
        "busy_for": 0.0,
        "in_statement": None,
        "user": None,
        "owner_ended_for": None,
        "owner_end_seen": True,
        "handed_over": False,
        "in_use_by": "",
        "beside": [],
        "awaited_by": [],
        "backend": None,
    }
    assert found["waiting"][0]["waited_for"] == 0.4
    assert found["recently_lost"][0]["ended_at"] == "2026-11-22T09:59:30+00:00"
    assert found["call_sites"][0]["use_time"]["count"] == 2
    assert found["config"] == {
        "pool_size": 5,
        "max_overflow": 2,
        "note": "place_order",
        "password": "(hidden)",
    }
    assert found["history"]["step"] == 1.0
    assert found["history"]["wait_p50"][-2:] == [None, 0.002]


@pytest.mark.parametrize(("span", "step"), [("5m", 1), ("15m", 3), ("1h", 12), ("6h", 72)])
def test_history_covers_the_range(span: str, step: float) -> None:
    assert ask(f"/api/pools/orders?range={span}").json()["history"]["step"] == step


def test_suspects_have_their_evidence() -> None:
    (found,) = ask("/api/suspects").json()
    assert found["verdict"] == "overdue"
    assert found["evidence"] == ["held for 95 s by place_order"]
    assert found["since"] == "2026-11-22T09:58:25+00:00"
    assert found["ended_at"] is None


def test_lists_of_findings_may_be_empty() -> None:
    assert ask("/api/advice").json() == []
    assert ask("/api/incidents").json() == []


def test_ready_until_a_pool_is_exhausted() -> None:
    given = orders()
    assert (ask("/readyz", given).status_code, ask("/readyz", given).json()) == (
        200,
        {"status": "ready"},
    )
    given.pools["orders"] = replace(given.pools["orders"], used=7)
    answer = ask("/readyz", given)
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "exhausted",
        "pools": [
            {
                "name": "orders",
                "library": "sqlalchemy",
                "used": 7,
                "max": 7,
                "pending_requests": 1,
                "oldest_wait": 0.4,
            }
        ],
    }
    given.pools["orders"] = replace(given.pools["orders"], pending_requests=0)
    assert ask("/readyz", given).status_code == 200
    given.pools["orders"] = replace(given.pools["orders"], pending_requests=9, max=None)
    assert ask("/readyz", given).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["a/b", "a%2Fb", "ünï 🐘", "a?b=c#d", "trailing/", "//", "%", "a+b", "history", "a\\b", "'\""],
)
def test_any_name_can_be_asked_for(serve_app: Serve, name: str) -> None:
    given = Given(pools={name: pool(name), "other": pool("other")})
    base = serve_app(build(given, Access(allow_unauthenticated=True)))
    assert httpx.get(f"{base}/api/pools/{quote(name, safe='')}").json()["name"] == name


def test_unknown_pool_among_many_is_still_one_line() -> None:
    detail = ask("/api/pools/x", many(300)).json()["detail"]
    assert detail.endswith("'pool-115' and 280 more.")


class _Colour(Enum):
    RED = 1


class _Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("a host's repr is never called")

    __str__ = __repr__


class _Named(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("nor its str")


@dataclass
class _Login:
    password: str = "hunter2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (-float("inf"), None),
        (2**70, float(2**70)),
        (True, True),
        (_Named("name"), "name"),
        ("stray \udcff", "stray \\udcff"),
        (timedelta(minutes=2), 120.0),
        (_Colour.RED, "RED"),
        (_Hostile(), "tests.web.test_api._Hostile"),
        (_Hostile, "tests.web.test_api._Hostile"),
        (_Login(), "tests.web.test_api._Login"),
        (len, "builtins.builtin_function_or_method"),
        ({1: (1.5, None)}, {"1": [1.5, None]}),
        (b"bytes", "builtins.bytes"),
    ],
)
def test_plain_is_json_whatever_comes(value: object, expected: object) -> None:
    assert plain(value) == expected


def test_plain_ends_on_what_contains_itself() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert plain(loop) == [[[[[[["builtins.list"]]]]]]]


def test_settings_hide_secrets_and_logins() -> None:
    config = {
        "url": "postgresql://ann:hunter2@db/orders",
        "connect_args": {"password": "hunter2", "sslmode": "require", "api_key": "k"},
        "token_endpoint": "https://a.example",
        "password_attempts": 3,
    }
    assert settings(config) == {
        "url": "postgresql://db/orders",
        "connect_args": {"password": "(hidden)", "sslmode": "require", "api_key": "(hidden)"},
        "token_endpoint": "(hidden)",
        "password_attempts": 3,
    }
