"""`docs/advice.md` and `docs/verdicts.md` say what the code does."""

import re

from dashboard.analysis import bound, orphans, sizing, verdicts
from dashboard.analysis.littles_law import TABLE
from dashboard.analysis.rules import RULES
from dashboard.joining import HAUNTING
from dashboard.model.findings import CERTAINTIES, VERDICTS
from dashboard.model.whatif import GRADES

from .pages import PAGES, first_column, rows, section, spans, text_of
from .rules import present, written

ADVICE = text_of("docs/advice.md")
VERDICT = text_of("docs/verdicts.md")


def test_rules_are_as_the_code_has_them() -> None:
    assert present() == written(), "run: python -m tests.docs.rules"


def test_rules_that_are_named_exist() -> None:
    known = {rule.id for rule in RULES}
    named = {each for page in PAGES for each in re.findall(r"\bR\d\d\b", page.read_text())}
    assert sorted(named - known) == []
    assert len(known) == 30


def test_every_grade_is_explained() -> None:
    cells = first_column(section(ADVICE, "What-if"))
    assert [cell for cell in cells if cell in GRADES] == list(GRADES)


def test_figures_of_the_replay_are_as_said() -> None:
    numbers = (sizing.LEAST, sizing.ROUGH, sizing.ENOUGH, sizing.PLENTY)
    text = section(ADVICE, "What-if")
    assert [each for each in numbers if f"{each:,} checkouts" not in text] == []
    assert f"{sizing.ENOUGH_BURSTS} bursts" in text
    assert f"{sizing.PLENTY_BURSTS} bursts" in text
    assert (sizing.MANY_IMPUTED, sizing.MOST_IMPUTED) == (0.05, 0.30)


def test_table_of_thumb_is_as_judged() -> None:
    text = section(ADVICE, "Rules of thumb")
    sizes = " | ".join(f"{low} to {high}" for _, low, high, _, _ in TABLE)
    assert f"| `pool_size` | {sizes} |" in text
    assert " | ".join(name for name, *_ in TABLE) in text


def test_every_verdict_has_its_part() -> None:
    described = [spans(cell)[0] for cell in first_column(section(VERDICT, "In short"))]
    assert sorted(described) == sorted(VERDICTS)
    for verdict in VERDICTS:
        part = section(VERDICT, f"`{verdict}`")
        assert part, verdict
        assert "**Condition.**" in part or verdict == "returned", verdict


def test_every_certainty_is_explained() -> None:
    text = section(VERDICT, "In short")
    assert [each for each in CERTAINTIES if f"`{each}`:" not in text] == []


def test_numbers_of_the_bound_are_as_said() -> None:
    said = {row[0]: row[1] for row in rows(section(VERDICT, "The bound"))}
    assert said["α"].startswith(f"{bound.ALPHA * 1e6:g} in a million")
    assert said["shortest bound"] == f"{bound.FLOOR:.0f} s"
    assert said["never below"].startswith(f"{bound._RECORD:g} times")
    assert said["never above"] == (
        f"{bound._FAR:g} times the longest that was seen; "
        f"*alone* {bound._FURTHEST:g} times, and {bound.MOST / 3600:g} h"
    )
    assert said["one hang"].startswith(f"from {bound._MANY:,} checkouts on")
    assert f"is {bound._HANG:g} times as long" in said["one hang"]
    assert said[f"fewer than {bound.ENOUGH} checkouts"].startswith(f"{bound.COLD:.0f} s")
    assert said[f"fewer than {bound._FEW} checkouts"].startswith(f"never above {bound._NEAR:g} ")
    assert f"on {bound._OLD_RECORD:g} times" in said["never below"]
    assert f"at least {bound._PATIENT:g} s" in said["alone"]
    assert f"{bound._PATIENT:g} s at most" in said["alone"]
    assert said["sure"].startswith(f"{bound._UNSEEN:,.0f} s divided")
    assert "(at least {}, at most {:,})".format(*bound._TAIL) in section(VERDICT, "The bound")


def test_numbers_of_the_verdicts_are_as_said() -> None:
    assert (verdicts._LEFT, verdicts._BACK, verdicts._HANDED_OVER) == (3.0, 2.0, 5.0)
    assert "a third of that" in section(VERDICT, "`overdue`")
    assert f"for {verdicts.STALLED:g} s or more" in section(VERDICT, "`stalled`")
    assert f"for {verdicts._STALLED_LONG:g} s or more" in section(VERDICT, "`stalled`")
    assert f"for {verdicts.NESTED:g} s or more" in section(VERDICT, "`nested`")
    grace = f"{orphans._GRACE:g} s, or {orphans._GRACE_OF_A_FETCH:g} s"
    assert grace in section(VERDICT, "`orphaned`")
    assert f"{HAUNTING:g} s after" in section(VERDICT, "`ghost`")
