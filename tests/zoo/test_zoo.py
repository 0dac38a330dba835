"""Every leak is found on its own line; nothing healthy is called probable or proven."""

import gc
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from .audience import Show, play
from .families import PROGRAMS
from .server import serving_web

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres

LEAKS = [each for each in PROGRAMS.values() if not each.is_healthy]
HEALTHY = [each for each in PROGRAMS.values() if each.is_healthy]

#: What libraries say of a connection or response that was lost; here it is on purpose.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The garbage collector is trying to clean up",
    "ignore:Unclosed:ResourceWarning",
    "ignore:.*was deleted while still open:ResourceWarning",
)


@pytest.fixture(scope="module")
def shows(request: pytest.FixtureRequest, postgres: "Postgres") -> Iterator[dict[str, Show]]:
    """Plays, many at once, every program that a collected test asks for."""
    asked = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    with serving_web() as web:
        programs = [program for name, program in PROGRAMS.items() if name in asked]
        yield {show.program.name: show for show in play(programs, postgres, web)}
    with warnings.catch_warnings():  # What was lost last is nobody else's to hear of.
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.mark.parametrize("name", [each.name for each in LEAKS])
def test_leak_is_found_on_its_line(name: str, shows: dict[str, Show]) -> None:
    show = shows[name]
    assert show.error == ""
    assert show.is_as_told()
    seen = "\n".join(map(str, show.sightings)) or "nothing was seen"
    assert show.missed() == [], seen
    assert [str(each) for each in show.alarms() + show.overclaims()] == []


@pytest.mark.parametrize("name", [each.name for each in LEAKS if each.verdicts == {"lost"}])
def test_lost_is_told_within_two_seconds(name: str, shows: dict[str, Show]) -> None:
    show = shows[name]
    delays = [show.delay(line) for line in show.program.leaks]
    assert [each for each in delays if each is None or each > 2.0] == []


@pytest.mark.parametrize("name", [each.name for each in LEAKS if each.parts])
def test_deadlock_names_both_lines(name: str, shows: dict[str, Show]) -> None:
    show = shows[name]
    said = "\n".join(map(str, show.sightings))
    lines = show.program.leaks + show.program.parts
    assert [line for line in lines if f"{show.program.file}:{line} " not in said] == []


@pytest.mark.parametrize("name", [each.name for each in HEALTHY])
def test_healthy_is_left_alone(name: str, shows: dict[str, Show]) -> None:
    show = shows[name]
    assert show.error == ""
    assert show.is_as_told()
    assert [str(each) for each in show.alarms() + show.overclaims()] == []


def test_zoo_is_large_and_fair() -> None:
    assert len(LEAKS) >= 40
    assert len(HEALTHY) >= 40
    assert {each.library for each in LEAKS} == {each.library for each in HEALTHY}
