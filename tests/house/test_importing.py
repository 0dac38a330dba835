"""Who may import a pool library: the probe of that library, whatever its files are called."""

from importlib import import_module

import pytest
from grimp import ImportGraph

from dashboard.probes import libraries

from .importing import LibrariesAtHome

CONTRACT = LibrariesAtHome(
    name="at home",
    session_options={"root_packages": ["dashboard"]},
    contract_options={
        "probes": "dashboard.probes",
        "libraries": ["aiohttp", "psycopg", "psycopg_pool"],
        "anywhere": ["dashboard.backends", "dashboard.demo"],
    },
)


def strays(importer: str, library: str) -> list[str]:
    """What the contract says of one import, in a tree with a probe of a library unheard of."""
    graph = ImportGraph()
    for module in ("dashboard.probes.aiohttp", "dashboard.probes.oracledb", importer):
        graph.add_module(module)
    graph.add_module(library, is_squashed=True)
    graph.add_import(importer=importer, imported=library)
    check = CONTRACT.check(graph, verbose=False)
    found: list[str] = check.metadata["strays"]
    assert check.kept is not bool(found)
    return found


@pytest.mark.parametrize(
    ("importer", "library"),
    [
        ("dashboard.probes.aiohttp", "aiohttp"),
        ("dashboard.probes._aiohttp_hooks", "aiohttp"),
        ("dashboard.probes.psycopg_pool", "psycopg"),
        ("dashboard.probes.oracledb", "oracledb"),
        ("dashboard.probes._oracledb_anything", "oracledb"),
        ("dashboard.backends", "aiohttp"),
        ("dashboard.demo.shop.app", "aiohttp"),
        ("dashboard.web.pages", "jinja2"),
    ],
)
def test_library_is_imported_at_home(importer: str, library: str) -> None:
    assert strays(importer, library) == []


@pytest.mark.parametrize(
    ("importer", "library"),
    [
        ("dashboard.probes.frames", "aiohttp"),
        ("dashboard.probes._asyncpg_hooks", "aiohttp"),
        ("dashboard.probes._opening", "aiohttp"),
        ("dashboard.web.pages", "aiohttp"),
        ("dashboard.demonstration", "aiohttp"),
        ("dashboard.probes.deeper.aiohttp", "aiohttp"),
        ("dashboard.app", "oracledb"),
    ],
)
def test_library_is_a_stray_elsewhere(importer: str, library: str) -> None:
    assert strays(importer, library) == [f"{importer} -> {library}"]


def test_every_library_is_a_probe() -> None:
    probes = [import_module(f"dashboard.probes.{library}") for library in libraries()]
    assert tuple(probe.LIBRARY for probe in probes) == libraries()
    assert [probe.pool_of(5) for probe in probes] == [None] * len(probes)
