"""The code of the documentation: all of it compiles, and what is marked with `run` runs."""

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import dashboard
from dashboard import Dashboard

from .pages import PAGES, ROOT, Snippet, first_column, section, snippets, spans, text_of

PYTHON = [each for each in snippets() if each.language == "python"]
RUN = [each for each in PYTHON if each.is_run]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A pool on a file."""
    made = create_engine(f"sqlite:///{tmp_path}/orders.db", pool_size=5)
    yield made
    made.dispose()


@pytest.fixture
def given(engine: Engine) -> Iterator[dict[str, Any]]:
    """What a reader has before the snippet begins; ended when it is over."""
    dash = Dashboard(title="Docs", allow_unauthenticated=True)
    dash.watch(engine, name="orders")
    names: dict[str, Any] = {
        "__name__": "snippet",
        "engine": engine,
        "app": Starlette(),
        "dash": dash,
        "Dashboard": Dashboard,
        "URL": engine.url,
        "django": Starlette(routes=[Route("/shop", _shop)]),
        "render": sorted,
    }
    made = [*names.values()]
    with ExitStack() as stack:
        stack.callback(_end, names, made)
        yield names


async def _shop(_: Request) -> PlainTextResponse:
    return PlainTextResponse("the shop")


def _end(names: dict[str, Any], made: list[Any]) -> None:
    for each in (*names.values(), *made):
        if isinstance(each, Dashboard):
            each.stop()
        elif isinstance(each, Engine):
            each.dispose()


def _run(snippet: Snippet, names: dict[str, Any]) -> None:
    """As a file of its own, whose lines are the page's."""
    code = "\n" * snippet.line + snippet.code
    exec(compile(code, snippet.place, "exec"), names)  # noqa: S102 -- our own documentation


@pytest.mark.parametrize("snippet", PYTHON, ids=lambda snippet: snippet.place)
def test_snippet_compiles(snippet: Snippet) -> None:
    compile(snippet.code, snippet.place, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("snippet", RUN, ids=lambda snippet: snippet.place)
def test_snippet_runs(snippet: Snippet, given: dict[str, Any]) -> None:
    _run(snippet, given)


def test_most_snippets_run() -> None:
    assert len(RUN) > len(PYTHON) / 2


@pytest.mark.parametrize("snippet", PYTHON, ids=lambda snippet: snippet.place)
def test_names_of_the_dashboard_exist(snippet: Snippet) -> None:
    code = compile(
        snippet.code, snippet.place, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    missing = []
    for node in ast.walk(code):
        match node:
            case ast.ImportFrom(module="dashboard"):
                known = dashboard.__all__
                missing += [each.name for each in node.names if each.name not in known]
            case ast.Attribute(value=ast.Name(id="dash"), attr=name):
                missing += [] if hasattr(Dashboard, name) else [name]
    assert missing == []


def test_options_of_the_dashboard_are_those_of_the_page() -> None:
    table = section(text_of("docs/embedding.md"), "Options of `Dashboard`")
    described = {span for cell in first_column(table) for span in spans(cell) if span.islower()}
    options = set(inspect.signature(Dashboard.__init__).parameters) - {"self"}
    assert described == options


def test_django_wrapper_answers_for_both(given: dict[str, Any]) -> None:
    (wrapper,) = [each for each in RUN if "await django(" in each.code]
    _run(wrapper, given)

    async def ask() -> list[tuple[int, str]]:
        transport = httpx.ASGITransport(app=given["application"], root_path="/tools")
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            answers = [await client.get(path) for path in ("/tools/pools/api/pools", "/tools/shop")]
        return [(answer.status_code, answer.text[:12]) for answer in answers]

    assert asyncio.run(ask()) == [(200, '[{"name":"or'), (200, "the shop")]


def test_variables_of_the_environment_exist() -> None:
    named = {
        found
        for page in PAGES
        for span in spans(page.read_text())
        for found in re.findall(r"POOL_DASHBOARD_[A-Z]+", span)
    }
    source = "".join(path.read_text() for path in (ROOT / "dashboard").rglob("*.py"))
    assert sorted(name for name in named if f'"{name}"' not in source) == []
    assert {"POOL_DASHBOARD_TOKEN", "POOL_DASHBOARD_DISABLED"} <= named
