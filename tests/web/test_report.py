"""The report for an issue."""

from dataclasses import replace
from datetime import timedelta

import pytest
from markdown_it import MarkdownIt

from dashboard.model.findings import Advice
from dashboard.web.access import Access
from dashboard.web.markdown import code
from dashboard.web.report import render, versions
from dashboard.web.site import build

from .asking import ask
from .crowded import AT, checkout, pool, suspect
from .given import Given, orders
from .hostile import HOSTILE


def report(given: Given) -> str:
    """As `/report.md` sends it."""
    answer = ask(build(given, Access(allow_unauthenticated=True)), "/report.md")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    return answer.text


def test_says_what_matters() -> None:
    text = report(orders())
    assert text.startswith("# Pool report\n\n`1 of 2 pools")
    for line in (
        "- taken: `2026-11-22T10:00:00+00:00`",
        "- process: `orders`, pid 4242 on `web-1`",
        "## Pool `orders`",
        "- kind: `QueuePool postgresql db/orders`, `open`",
        "- failures: `timeout` 3, `cancelled` 1",
        "| `pool_size` | `5` |",
        "| `password` | `(hidden)` |",
        "### Leak suspects (1)",
        "  - `held for 95 s by place_order`",
        "  - at `shop/place_order.py:88 place_order`",
        "### Who holds a connection (2)",
        "### Who waits (1)",
        "### Who uses this pool",
        "- memory: 2,400,000 of 16,000,000 bytes",
    ):
        assert line in text.splitlines()
    assert "hunter2" not in text


def test_advice_is_in_the_report() -> None:
    given = orders()
    given.advices = [
        Advice(
            rule="R01",
            pool="orders",
            severity="warning",
            title="orders is too small",
            evidence=("95 of 100 callers wait up to 48 ms",),
            change="-    pool_size=10,\n+    pool_size=14,",
            effect="p95 48 ms to 3 ms",
            confidence="medium",
        )
    ]
    lines = report(given).splitlines()
    start = lines.index("## Advice (1)")
    assert lines[start + 2 : start + 7] == [
        "- **warning**, `orders`, rule `R01`: `orders is too small`",
        "  - `95 of 100 callers wait up to 48 ms`",
        "  - effect: `p95 48 ms to 3 ms`",
        "  - `-    pool_size=10,`",
        "  - `+    pool_size=14,`",
    ]


def test_verdict_is_in_words() -> None:
    given = orders()
    given.found = [replace(suspect("orders"), verdict="held_elsewhere")]
    assert "- **held elsewhere**, probable: " in report(given)


def test_suspect_that_ended_says_when() -> None:
    given = orders()
    given.found = [replace(suspect("orders"), ended_at=AT - timedelta(minutes=1))]
    assert ", ended `2026-11-22T09:59:00+00:00`" in report(given)


def test_nothing_watched_is_a_short_report() -> None:
    assert "No pool is being watched." in report(Given())


def test_long_lists_are_cut_and_counted() -> None:
    held = tuple(checkout("place_order", float(n)) for n in range(200))
    text = report(Given(pools={"orders": replace(pool("orders"), open=held)}))
    assert "### Who holds a connection (200)" in text
    assert "and 170 more" in text
    assert "| 3 min 19 s | `shop/place_order.py:88 place_order` |" in text


def test_unknown_library_has_an_unknown_version() -> None:
    found = versions(["sqlalchemy", "no-such-library", "../etc"])
    assert found["sqlalchemy"][0].isdigit()
    assert found["no-such-library"] == "unknown"
    assert found["../etc"] == "unknown"


@pytest.mark.parametrize("text", [*HOSTILE, "", " ", "`", "``", "\\", "|", "\\|", "a" * 10_000])
def test_code_holds_any_text_on_one_line(text: str) -> None:
    span = code(text)
    assert "\n" not in span
    markdown = MarkdownIt("gfm-like", {"linkify": False})
    inline = markdown.parseInline(span.replace("\\|", "|"))[0].children or []
    kinds = [token.type for token in inline]
    assert kinds == (["code_inline"] if text.strip() else ["text"])
    row = f"| a | b |\n|---|---|\n| {span} | end |\n"
    cells = [token for token in markdown.parse(row) if token.type == "td_open"]
    assert len(cells) == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_changes_the_shape(name: str) -> None:
    """Only code spans differ from the report of a harmless pool."""

    def shape(text: str) -> list[tuple[str, str]]:
        markdown = MarkdownIt("gfm-like", {"linkify": False})
        return [
            (token.type, "" if token.type == "inline" else token.content)
            for token in markdown.parse(text)
        ]

    def made(text: str) -> str:
        given = Given(pools={text: pool(text, text)}, found=[suspect(text, text)], title=text)
        return render(given.snapshot(), given.found, {"Python": "3.11"}, given.title)

    assert shape(made(name)) == shape(made("harmless"))
