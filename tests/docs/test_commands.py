"""Commands and options that the documentation names are there, and the other way round."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import cli

from .pages import PAGES, ROOT, place, snippets, spans

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_CALL = re.compile(r"^(?:pool-dashboard|python -m dashboard)\s+(\w+)(.*)$")
#: Options of other people's programs.
_FOREIGN = {
    "--forwarded-allow-ips": "uvicorn",
    "--junitxml": "pytest",
    "--pool-leaks": "our plugin for pytest",
    "--preload": "gunicorn",
    "--proxy-headers": "uvicorn",
    "--root-path": "uvicorn",
    "--workers": "uvicorn, and ours",
}


def _commands() -> dict[str, set[str]]:
    """The options of every command."""
    found = {}
    for action in cli._parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                options = {option for each in command._actions for option in each.option_strings}
                found[name] = {each for each in options if each.startswith("--")} - {"--help"}
    return found


COMMANDS = _commands()


def _calls(page: Path) -> Iterator[tuple[str, str]]:
    """Command and what follows, up to where another program begins."""
    code = [each.code for each in snippets() if each.page == page and each.language != "python"]
    for line in [*"".join(code).splitlines(), *spans(page.read_text())]:
        found = _CALL.match(line.split("  #")[0].strip())
        if found is not None:
            yield found[1], found[2].partition(" -- ")[0]


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_commands_and_their_options_exist(page: Path) -> None:
    wrong = [
        f"{command} {option}"
        for command, rest in _calls(page)
        for option in _OPTION.findall(rest) or [""]
        if command not in COMMANDS or (option and option not in COMMANDS[command])
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_options_exist_somewhere(page: Path) -> None:
    known = set().union(*COMMANDS.values()) | set(_FOREIGN)
    named = {option for span in spans(page.read_text()) for option in _OPTION.findall(span)}
    assert sorted(named - known) == []


def test_every_command_and_option_is_documented() -> None:
    readme = (ROOT / "README.md").read_text()
    named = dict(_lines(readme))
    assert named == COMMANDS


def _lines(readme: str) -> Iterator[tuple[str, set[str]]]:
    for line in readme.splitlines():
        found = _CALL.match(line)
        if found is not None:
            yield found[1], set(_OPTION.findall(found[2].partition(" -- ")[0]))


def test_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {
        word
        for page in PAGES
        for text in (*spans(page.read_text()), *(each.code for each in snippets()))
        for word in re.findall(r"^make ([a-z]+)\b", text, re.MULTILINE)
    }
    assert {"demo", "test", "bench"} <= named
    assert sorted(word for word in named if f"\n{word}: " not in makefile) == []
