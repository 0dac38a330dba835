"""What the templates show: every heading, column, term and live cell, by screen."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_TEMPLATES: Final = Path(__file__).parents[2] / "templates"
#: Templates by the heading under which their figures are explained.
SCREENS: Final = {
    "Every page": ("layout.html", "partials/", "macros.html"),
    "Overview": ("overview.html", "overview/"),
    "Pool": ("pool.html", "pool/"),
    "Leaks": ("leaks.html", "leaks/"),
    "Advice": ("advice.html", "advice/"),
    "Incidents": ("incident.html", "incidents.html", "incidents/"),
    "Events": ("events.html", "events/"),
    "A moment of the past": ("then/",),
    "Demo": ("demo.html",),
}
#: Pages that say why there is nothing to see.
_WITHOUT_FIGURES: Final = frozenset(
    {"error.html", "missing.html", "incidents/gone.html", "overview/empty.html"}
)
#: The list of keyboard shortcuts.
_NO_FIGURES: Final = frozenset({"partials/keys.html"})
_EMPTY: Final = re.compile(r'<section class="card empty".*?</section>', re.DOTALL)

_MARKED: Final = (
    re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL),
    re.compile(r"<dt\b[^>]*>(.*?)</dt>", re.DOTALL),
    re.compile(r'<h[23]\b(?! class="vh")[^>]*>(.*?)</h[23]>', re.DOTALL),
)
_CELL: Final = re.compile(r'data-cell="([^"{]+)"')
_CELL_OF_A_TAG: Final = re.compile(r'ui\.tag\([^,()]+,[^,()]+,\s*"(\w+)"\)')
_CALL: Final = re.compile(r"{%-?\s*call\b.*?{%-?\s*endcall\s*-?%}", re.DOTALL)
_LOOP: Final = re.compile(r"{%-?\s*for (?:\w+, )?(\w+) in (\[[^\]]*\]|\w+)[^%]*%}")
_SET: Final = re.compile(r"{%-?\s*set (\w+) = ([{\[].*?)\s*-?%}", re.DOTALL)
_STATEMENT: Final = re.compile(r"{%.*?%}", re.DOTALL)
_EXPRESSION: Final = re.compile(r"{{-?\s*(.*?)\s*-?}}", re.DOTALL)
_ITEM: Final = re.compile(r'"([^"]*)"(\s*~)?')
_COMPARED: Final = re.compile(r'[=!]=\s*"[^"]*"')
#: What stands small beside a term: counts, keys of colours.
_ASIDE: Final = re.compile(r"<small\b.*?</small>|<i\b[^>]*></i>", re.DOTALL)


def templates() -> list[str]:
    """Names of all that may show a figure."""
    every = (path.relative_to(_TEMPLATES).as_posix() for path in _TEMPLATES.rglob("*.html"))
    return sorted(name for name in every if name not in _WITHOUT_FIGURES | _NO_FIGURES)


def screen_of(name: str) -> str | None:
    """The heading under which a template's figures are explained; None for none yet."""
    for screen, begins in SCREENS.items():
        if name.startswith(begins):
            return screen
    return None


def terms(name: str) -> set[str]:
    """Headings, column heads and terms of a template; `…` stands for what differs."""
    source = _EMPTY.sub("", _CALL.sub("", (_TEMPLATES / name).read_text()))
    known: dict[str, list[str]] = {}
    for variable, texts in _lists(source):
        known[variable] = [*known.get(variable, []), *texts]
    shown = _STATEMENT.sub("", source)
    found = (each for marked in _MARKED for each in marked.findall(shown))
    spelled = {term for each in found for term in _spelled(each, known)}
    return {term for term in spelled if term.strip("… ")}


def cells(name: str) -> set[str]:
    """Names of the figures that the stream keeps current."""
    source = (_TEMPLATES / name).read_text()
    return {*_CELL.findall(source), *_CELL_OF_A_TAG.findall(source)}


def _lists(source: str) -> Iterator[tuple[str, list[str]]]:
    """The texts that an expression goes through: a loop's variable, or a table of words."""
    literals = {}
    for name, value in _SET.findall(source):
        literals[name] = _values(value)
        yield f"{name}[column]", literals[name]
    for variable, over in _LOOP.findall(source):
        texts = _values(over) if over.startswith("[") else literals.get(over)
        if texts:
            yield variable, texts


def _values(literal: str) -> list[str]:
    """Of a dict its values; what is put together ends in `…`."""
    if literal.startswith("{"):
        return re.findall(r':\s*"([^"]*)"', literal)
    return [f"{text}…" if more else text for text, more in _ITEM.findall(literal)]


def _spelled(markup: str, known: dict[str, list[str]]) -> set[str]:
    """Every text that a piece of markup may become."""
    alternatives, position = [""], 0
    markup = _ASIDE.sub("", markup)
    for found in _EXPRESSION.finditer(markup):
        before = markup[position : found.start()]
        choices = _choices(found[1], known)
        alternatives = [f"{text}{before}{choice}" for text in alternatives for choice in choices]
        position = found.end()
    return {_plain(text + markup[position:]) for text in alternatives}


def _choices(expression: str, known: dict[str, list[str]]) -> list[str]:
    if expression in known:
        return known[expression]
    if " if " in expression and " else " in expression:
        return [text for text, _ in _ITEM.findall(_COMPARED.sub("", expression))]
    return ["…"]


def _plain(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", markup).split())
