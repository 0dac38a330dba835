"""Every link of the documentation leads somewhere, and every picture is small."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from .pages import PAGES, ROOT, anchors, links, place

_LARGEST_PICTURE = 250_000
_MOST_PICTURES = 6


def _broken(page: Path) -> list[str]:
    return [link for link in links(page) if "://" not in link and not _leads_somewhere(page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, fragment = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not fragment or (target.suffix == ".md" and fragment in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_links_and_anchors_resolve(page: Path) -> None:
    assert _broken(page) == []


def test_a_broken_anchor_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Who may look?\n\n[here](#who-may-look) [nowhere](#who-may-not)\n")
    assert anchors(page) == {"who-may-look"}
    assert links(page) == ["#who-may-look", "#who-may-not"]


def test_every_page_can_be_reached() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    names = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert sorted(name for name in names if f"({name})" not in index) == []


def test_pictures_are_few_and_small_and_shown() -> None:
    pictures = sorted((ROOT / "docs").glob("*.png"))
    shown = {Path(link).name for page in PAGES for link in links(page)}
    assert len(pictures) <= _MOST_PICTURES
    assert [path.name for path in pictures if path.stat().st_size > _LARGEST_PICTURE] == []
    assert [path.name for path in pictures if path.name not in shown] == []
