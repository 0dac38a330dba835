"""Objects of the user's code by name."""

import sys
from pathlib import Path

import pytest

from dashboard import DashboardError
from dashboard.importing import find_in, resolve

from .modules import Modules

_CODE = """
class Pools:
    orders = "the orders pool"
    class inner:
        deep = 7
pools = Pools()
"""


def refused(target: str) -> str:
    with pytest.raises(DashboardError) as caught:
        resolve(target)
    return str(caught.value)


def test_attribute_of_a_module(modules: Modules) -> None:
    modules("corner.db", _CODE)
    assert resolve("corner.db:pools.orders") == "the orders pool"
    assert resolve(" corner.db:Pools.inner.deep ") == 7


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("corner.db:pool", "corner.db has no pool; did you mean pools?"),
        ("corner.db:pools.oders", "corner.db:pools has no oders; did you mean orders?"),
        ("corner.db:pools.inner.xyz", "corner.db:pools.inner has no xyz"),
        ("corner.bd:pools", "corner has no module bd; did you mean db?"),
        ("corner.db.pools:x", "corner.db is a module and no package, so it has no pools"),
        ("cornr:x", "there is no module cornr; did you mean corner?"),
        ("zyxw:x", "there is no module zyxw; run the command where it can be imported"),
        ("corner.db", "an object is named module:attribute, as in shop.db:engine, not"),
        ("corner/db.py:x", "an object is named module:attribute, as in shop.db:engine, not"),
        (":x", "an object is named module:attribute, as in shop.db:engine, not"),
        ("corner.db:", "an object is named module:attribute, as in shop.db:engine, not"),
    ],
)
def test_wrong_target(modules: Modules, target: str, words: str) -> None:
    modules("corner.db", _CODE)
    assert refused(target).startswith(words)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('x = 1\nimport os\nos.environ["NO_SUCH"]', ":3: KeyError: 'NO_SUCH'"),
        ("x = (", ": SyntaxError: '(' was never closed (broken.py, line 1)"),
        ("raise SystemExit(3)", ":1: SystemExit: 3"),
        ("\nimport no_such_module", ":2: ModuleNotFoundError: No module named 'no_such_module'"),
        (
            "raise ValueError('postgresql://app:hunter22@db/x')",
            ":1: ValueError: postgresql://***@db/x",
        ),
    ],
)
def test_module_that_fails(modules: Modules, code: str, words: str) -> None:
    modules("broken", code)
    said = refused("broken:engine")
    assert said.startswith("importing broken failed")
    assert said.endswith(words)


def test_directories_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/usr/lib"])
    one, two = tmp_path / "one", tmp_path / "two"
    find_in(one, two)
    find_in(two)
    assert sys.path == [str(one), str(two), "/usr/lib"]
