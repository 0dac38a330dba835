"""Whatever a page shows is explained in `docs/figures.md`: a new figure needs a new line there."""

import pytest

from dashboard.analysis import status
from dashboard.recorder.budget import BUDGET
from dashboard.web import feed, incidents

from .on_screen import SCREENS, cells, screen_of, templates, terms
from .pages import first_column, rows, section, spans, text_of

PAGE = text_of("docs/figures.md")


def _explained(screen: str) -> set[str]:
    """The first column of every table of a screen, as it stands and at its commas; headings too."""
    text = section(PAGE, screen)
    first = first_column(text)
    bold = {each.strip(" :.") for each in text.split("**")[1::2]}
    parts = {part.strip() for cell in first for part in cell.split(",")}
    return {*first, *parts, *bold}


@pytest.mark.parametrize("template", templates())
def test_template_belongs_to_a_screen(template: str) -> None:
    assert screen_of(template) in SCREENS


@pytest.mark.parametrize("template", templates())
def test_terms_are_explained(template: str) -> None:
    screen = screen_of(template)
    assert screen is not None
    assert sorted(terms(template) - _explained(screen)) == []


@pytest.mark.parametrize("template", templates())
def test_live_cells_are_named(template: str) -> None:
    screen = screen_of(template)
    assert screen is not None
    assert sorted(cells(template) - set(spans(section(PAGE, screen)))) == []


def test_templates_are_read_as_they_look() -> None:
    assert {"Pool", "Slots", "In use, …"} <= terms("overview/table.html")
    assert {"gave up waiting", "opened, closed"} <= terms("pool/reasons.html")
    assert "Found by the garbage collector" in terms("events/claim.html")
    assert cells("pool/head.html") == {"status", "lasting", "sentence"}


def test_every_status_is_explained() -> None:
    words = {rule.__name__ for rule in status._RULES}
    named = {f"_{row[0].lower().replace(' ', '_')}" for row in rows(section(PAGE, "Status"))}
    assert words - named == {"_failed", "_calm"}
    assert named - words == {"_not_watched", "_busy", "_healthy"}


def test_every_event_is_explained() -> None:
    explained = _explained("Events")
    words = {*feed.WORDS.values(), *feed.REASONS.values()} - {"failed"}
    assert sorted(words - explained) == []


def test_every_cause_of_an_incident_is_explained() -> None:
    assert sorted(set(incidents.CAUSES.values()) - _explained("Incidents")) == []


def test_budget_is_as_said() -> None:
    assert BUDGET == 16 * 1024 * 1024
    assert "budget of 16 MB" in PAGE
