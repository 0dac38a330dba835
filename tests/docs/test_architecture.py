"""`ARCHITECTURE.md` names what there is: every room and module of its table, and no other."""

import re

from .pages import ROOT, section, spans, text_of

_TEXT = text_of("ARCHITECTURE.md")
_ROWS = [
    line.split("|")[1:3] for line in section(_TEXT, "Rooms").splitlines() if line.startswith("| `")
]
_PACKAGE = ROOT / "dashboard"
_NAME = re.compile(r"[a-z][a-z_]*")
#: Spans in the descriptions that are no modules of their room.
_COMMANDS = {"serve", "check", "run", "report", "for", "watch_all"}


def test_rooms_and_modules_exist() -> None:
    named = [span for room, _ in _ROWS for span in spans(room)]
    assert len(named) > 30
    found = [(ROOT / each).exists() or (_PACKAGE / each).exists() for each in named]
    assert [each for each, is_there in zip(named, found, strict=True) if not is_there] == []


def test_every_module_at_the_top_has_a_row() -> None:
    named = {span for room, _ in _ROWS for span in spans(room)}
    there = {each.name for each in _PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert sorted(there - named) == []
    rooms = {each.parent.name for each in _PACKAGE.glob("*/__init__.py")}
    assert sorted(room for room in rooms if f"dashboard/{room}/" not in named) == []


def test_modules_of_a_room_exist() -> None:
    missing = []
    for room, does in _ROWS:
        (first, *others) = spans(room)
        if not others and first.startswith("dashboard/"):
            names = [each.rstrip("/") for each in spans(does)]
            missing += [
                f"{first}{name}"
                for name in names
                if _NAME.fullmatch(name)
                and name not in _COMMANDS
                and not list(ROOT.glob(f"{first}{name}*"))
            ]
    assert missing == []


def test_it_is_short() -> None:
    assert _TEXT.count("\n") <= 120
