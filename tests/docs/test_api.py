"""`docs/api.md` beside the product: every address, field, event and metric, and no other."""

from dataclasses import fields
from typing import Any

import pytest
from starlette.routing import Route

from dashboard import Dashboard
from dashboard.analysis.what_else import QUESTIONS
from dashboard.model import (
    backends,
    findings,
    health,
    heat,
    history,
    lanes,
    passage,
    snapshot,
    whatif,
)
from dashboard.model.distribution import EMPTY
from dashboard.web import batches, frame, shapes
from dashboard.web.metrics import Pools

from .pages import first_column, rows, section, spans, text_of

PAGE = text_of("docs/api.md")
#: Objects by the heading under which their fields stand.
OBJECTS: dict[str, Any] = {
    "Checkout": snapshot.Checkout,
    "Waiter": snapshot.Waiter,
    "Call site statistics": snapshot.CallSiteStats,
    "Nesting": snapshot.Nesting,
    "Suspect": findings.Suspect,
    "Advice": findings.Advice,
    "Deadlock": findings.Knot,
    "Crossing": findings.Crossing,
    "Incident": findings.Incident,
    "Prediction": whatif.Prediction,
    "Row": whatif.Row,
    "Claim": passage.Passage,
    "History": history.History,
    "Lanes": lanes.Lanes,
    "Heat": heat.Heat,
    "Health": health.Health,
    "Loop": snapshot.LoopLag,
    "Backend": backends.Backend,
}
STREAM: dict[str, Any] = {
    "Batch": batches.Batch,
    "Row of the stream": batches.PoolRow,
    "Event of the stream": batches.EventRow,
}


def _named(title: str) -> list[str]:
    """The fields of an object's tables; parts with headings of their own left out."""
    text = section(PAGE, title).partition("\n### ")[0]
    return [span for cell in first_column(text) for span in spans(cell)]


@pytest.mark.parametrize("title", OBJECTS)
def test_fields_of_an_object(title: str) -> None:
    named = _named(title)
    assert sorted(named) == sorted(field.name for field in fields(OBJECTS[title]))


@pytest.mark.parametrize("title", STREAM)
def test_fields_of_the_stream(title: str) -> None:
    assert sorted(_named(title)) == sorted(STREAM[title].__struct_fields__)


def test_fields_of_a_pool() -> None:
    own = {field.name for field in fields(snapshot.PoolSnapshot)}
    assert sorted(_named("Pool")) == sorted({*own, "source"})
    text = section(PAGE, "Pool")
    figures = text[: text.index("Only at `/api/pools/{name}`")]
    listed = {span for cell in first_column(figures) for span in spans(cell)}
    assert listed == {*own, "source"} - shapes.DETAILS


def test_fields_of_a_distribution() -> None:
    assert _named("Distribution") == list(shapes.summary(EMPTY))


def _routes() -> set[str]:
    """Every address that answers, as the page writes it."""
    dash = Dashboard(allow_unauthenticated=True)
    site = dash._new_site(served_on=None)
    paths = {route.path for route in site._app.routes if isinstance(route, Route)}
    dash.stop()
    plain = {path.replace(":path}", "}").replace(":int}", "}") for path in paths}
    return {path.replace("/incidents/{number}", "/incidents/{id}") for path in plain}


def test_every_address_is_listed() -> None:
    listed = {spans(row[0])[0] for row in rows(section(PAGE, "Addresses")) if "/" in row[0]}
    assert listed == _routes() | {"/healthz"}


def test_every_question_and_range_is_listed() -> None:
    asked = [spans(cell)[0] for cell in first_column(section(PAGE, "Questions"))]
    assert asked == list(QUESTIONS)
    text = section(PAGE, "Addresses")
    assert [key for key in frame.RANGES if f"`{key}`" not in text] == []


def test_every_metric_is_listed() -> None:
    dash = Dashboard(allow_unauthenticated=True)
    families = list(Pools(dash._reader).collect())
    dash.stop()
    names = {
        f"{family.name}_total" if family.type == "counter" else family.name for family in families
    }
    assert set(_named("Metrics")) == names


def test_metrics_named_elsewhere_exist() -> None:
    known = set(_named("Metrics"))
    named = {
        span
        for page in ("docs/figures.md", "README.md", "docs/troubleshooting.md")
        for span in spans(text_of(page))
        if span.startswith(("db_client_", "db_pool_", "pool_dashboard_"))
    }
    assert len(named) > 10
    assert sorted(name for name in named if name not in known and not name.endswith(":")) == []
