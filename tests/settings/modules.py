"""Modules of a user's application, on the import path for one test."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

#: `modules(name, text)` makes a module; a dotted name makes its packages too.
Modules = Callable[[str, str], None]


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    """They are forgotten after the test."""
    root = tmp_path / "application"
    root.mkdir()
    monkeypatch.syspath_prepend(root)
    before = set(sys.modules)

    def write(name: str, text: str) -> None:
        *packages, last = name.split(".")
        folder = root.joinpath(*packages)
        folder.mkdir(parents=True, exist_ok=True)
        for count in range(1, len(packages) + 1):
            root.joinpath(*packages[:count], "__init__.py").touch()
        (folder / f"{last}.py").write_text(text)

    yield write
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None) or ""
        if origin.startswith(str(root)):
            del sys.modules[name]
