"""How a sighting is judged: the right word about the right line, and nothing else."""

from datetime import UTC, datetime

import pytest

from dashboard import CallSite, Suspect
from dashboard.model.origin import Owner

from .audience import Show, Sighting
from .families import PROGRAMS

FORGETFUL = PROGRAMS["keeps_a_session_in_a_global_list"]
(LINE,) = FORGETFUL.leaks


def sighting(verdict: str, certainty: str, line: int = LINE) -> Sighting:
    suspect = Suspect(
        pool="orders",
        verdict=verdict,
        certainty=certainty,
        call_site=CallSite("tests/zoo/forgotten.py", line, "handle"),
        stack=(),
        owner=Owner("thread", "program"),
        request=None,
        held_for=3.0,
        evidence=("quiet for 3 s",),
        since=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return Sighting(13.0, suspect)


def judged(*sightings: Sighting, program: str = FORGETFUL.name) -> tuple[bool, int, int]:
    """Whether it was found, alarms, claims that go too far."""
    show = Show(PROGRAMS[program], planted_at=10.0, sightings=list(sightings))
    return show.missed() == [], len(show.alarms()), len(show.overclaims())


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (sighting("overdue", "possible"), (True, 0, 0)),
        (sighting("orphaned", "probable"), (False, 0, 0)),
        (sighting("overdue", "probable", LINE + 1), (False, 1, 0)),
        (sighting("overdue", "possible", LINE + 1), (False, 0, 0)),
        (sighting("overdue", "proven"), (True, 0, 1)),
        (sighting("long_query", "probable", LINE + 1), (False, 0, 0)),
    ],
)
def test_only_right_words_count(seen: Sighting, expected: tuple[bool, int, int]) -> None:
    assert judged(seen) == expected


def test_healthy_program_has_no_right_line() -> None:
    healthy = "nightly_report_computes_while_it_holds"
    assert judged(sighting("overdue", "probable"), program=healthy) == (True, 1, 0)


def test_delay_counts_from_the_leak() -> None:
    show = Show(FORGETFUL, planted_at=10.0, sightings=[sighting("overdue", "possible")])
    assert show.delay(LINE) == 3.0
    assert Show(FORGETFUL).delay(LINE) is None


def test_marked_lines_are_the_asking_ones() -> None:
    lines = FORGETFUL.run.__code__.co_filename
    with open(lines, encoding="utf-8") as source:  # noqa: PTH123 -- a code object's file name
        marked = source.read().splitlines()[LINE - 1]
    assert marked.strip() == "session.execute(QUERY)  # leak"
