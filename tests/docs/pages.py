"""The documentation as data: its pages, headings, links, snippets and tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
#: Everything that a user may read, and its links lead anywhere.
PAGES: Final = tuple(
    sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in (
        "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"
    ))])
)  # fmt: skip
_FENCE: Final = re.compile(
    r"^(?P<mark>```+)(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=mark)$", re.MULTILINE | re.DOTALL
)
_HEADING: Final = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_SPAN: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_CELLS: Final = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Snippet:
    """A fenced block: `info` is what follows the fence, `line` where it begins."""

    page: Path
    line: int
    info: str
    code: str

    @property
    def language(self) -> str:
        """`python`, `toml`, empty for output and commands."""
        return self.info.split()[0] if self.info.split() else ""

    @property
    def is_run(self) -> bool:
        """Marked with `run`: the code does what it says with nothing but what it is given."""
        return "run" in self.info.split()[1:]

    @property
    def place(self) -> str:
        """`docs/embedding.md:12`."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def place(page: Path) -> str:
    """`docs/figures.md`."""
    return page.relative_to(ROOT).as_posix()


def text_of(page: str) -> str:
    """Of a page, by its path from the top."""
    return (ROOT / page).read_text()


def snippets() -> list[Snippet]:
    """All of all pages."""
    return [snippet for page in PAGES for snippet in _snippets_of(page)]


def _snippets_of(page: Path) -> Iterator[Snippet]:
    text = page.read_text()
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Snippet(page, line, found["info"].strip(), found["code"])


def prose(page: Path) -> str:
    """Without fenced blocks."""
    return _FENCE.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """Where its links and pictures lead."""
    return _LINK.findall(_SPAN.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """The fragments that its headings can be reached by, as GitHub makes them."""
    found: list[str] = []
    for _, title in _HEADING.findall(prose(page)):
        slug = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        again = found.count(slug)
        found.append(slug)
        if again:
            found.append(f"{slug}-{again}")
    return set(found)


def spans(text: str) -> list[str]:
    """What stands in backquotes."""
    return _SPAN.findall(text)


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next of its rank; empty if there is none."""
    headings = list(_HEADING.finditer(text))
    for place, found in enumerate(headings):
        if found[2] == title:
            after = (each for each in headings[place + 1 :] if len(each[1]) <= len(found[1]))
            end = next((each.start() for each in after), len(text))
            return text[found.end() : end]
    return ""


def first_column(text: str) -> list[str]:
    """The first cell of every row of every table."""
    return [row[0] for row in rows(text)]


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, heads and rules left out."""
    found = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        is_head = number + 1 < len(lines) and lines[number + 1].startswith("|--")
        if line.startswith("|") and not line.startswith("|--") and not is_head:
            found.append([cell.strip() for cell in _CELLS.split(line.strip().strip("|"))])
    return found
