"""The plugin over test files that leak, in a pytest of their own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

#: Everything a case needs: an engine for each kind, on a file.
_HEAD = """
import asyncio, gc, threading
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/a.db", pool_size=5)
    yield engine
    engine.dispose()

kept = []
"""
#: Plugins that no case needs, and that take a second to import.
_SLOW = ("hypothesispytest", "faker", "valkey")
_LINE = re.compile(r"test_case\.py:(\d+) in (\w+)")


def run(tmp_path: Path, body: str, *options: str, head: str = _HEAD) -> tuple[int, str]:
    """Exit status and output of pytest over one file."""
    (tmp_path / "test_case.py").write_text(head + body)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    without = [word for name in ("cacheprovider", *_SLOW) for word in ("-p", f"no:{name}")]
    command = [sys.executable, "-m", "pytest", *without, "-W", "ignore", *options]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def line_of(body: str, words: str) -> int:
    """Where a line of the case stands in its file."""
    lines = (_HEAD + body).splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)


LEAKS = """
def test_returns(engine):
    with engine.connect() as connection:
        connection.execute(text("select 1"))

def test_forgets(engine):
    kept.append(engine.connect())

def test_innocent(engine):
    gc.collect()
"""


def test_leak_fails_its_own_test(tmp_path: Path) -> None:
    status, said = run(tmp_path, LEAKS, "--pool-leaks")
    assert status == 1
    assert "1 failed, 2 passed" in said
    assert "FAILED test_case.py::test_forgets" in said
    assert "1 connection was not returned:" in said
    assert f"test_case.py:{line_of(LEAKS, 'kept.append')} in test_forgets" in said


def test_nothing_is_watched_without_the_option(tmp_path: Path) -> None:
    body = (
        LEAKS
        + """
def test_constructor_is_the_library_s(engine):
    from sqlalchemy.pool import Pool
    assert Pool.__init__.__code__.co_filename.endswith("base.py")
    import sys
    assert "dashboard.leaktest" not in sys.modules
"""
    )
    status, said = run(tmp_path, body)
    assert (status, "4 passed" in said) == (0, True)


def test_ini_option_switches_it_on(tmp_path: Path) -> None:
    status, said = run(tmp_path, LEAKS, "-o", "pool_leaks=true")
    assert (status, "1 failed, 2 passed" in said) == (1, True)


COLLECTED = """
class Ring:
    def __init__(self, held):
        self.held, self.me = held, self

async_engine = create_async_engine("sqlite+aiosqlite://")

async def test_leaves_a_ring():
    gc.disable()
    connection = await async_engine.connect()
    Ring(connection)

async def test_between():
    await asyncio.sleep(0)

async def test_collects():
    gc.enable()
    gc.collect()
"""


def test_leak_is_told_before_the_collector_finds_it(tmp_path: Path) -> None:
    status, said = run(tmp_path, COLLECTED, "--pool-leaks")
    assert status == 1
    assert "1 failed, 2 passed" in said
    assert "FAILED test_case.py::test_leaves_a_ring" in said
    assert _LINE.findall(said)[0][1] == "test_leaves_a_ring"


DROPPED = """
def test_drops_it(engine):
    engine.connect()
    gc.collect()

def test_innocent(engine):
    pass
"""


def test_leak_that_is_collected_at_once_counts(tmp_path: Path) -> None:
    status, said = run(tmp_path, DROPPED, "--pool-leaks")
    assert (status, "1 failed, 1 passed" in said) == (1, True)
    assert "found by the garbage collector" in said


FIXTURES = """
@pytest.fixture(scope="module")
def shared():
    engine = create_engine("sqlite://")
    connection = engine.connect()
    yield connection
    connection.close()

@pytest.fixture(scope="module")
def forgotten():
    engine = create_engine("sqlite://")
    return engine, engine.connect()

@pytest.fixture
def own(engine):
    connection = engine.connect()
    yield connection
    connection.close()

def test_uses_shared(shared):
    shared.execute(text("select 1"))

def test_uses_forgotten(forgotten, own):
    own.execute(text("select 1"))
"""


def test_fixture_owns_what_it_asked_for(tmp_path: Path) -> None:
    status, said = run(tmp_path, FIXTURES, "--pool-leaks")
    assert "2 passed" in said
    assert "connections that fixtures did not return" in said
    (left,) = re.findall(r"^.*test_case.py:\d+ (\w+), by (fixture .*)$", said, re.MULTILINE)
    assert left == ("forgotten", "fixture forgotten (module)")
    assert status == 1


def test_marked_test_may_keep(tmp_path: Path) -> None:
    body = LEAKS.replace("def test_forgets", "@pytest.mark.allow_pool_leaks\ndef test_forgets")
    status, said = run(tmp_path, body, "--pool-leaks")
    assert (status, "3 passed" in said) == (0, True)


PEAKS = """
shared = create_engine("sqlite:///shared.db", pool_size=5)

@pytest.mark.allow_pool_leaks
def test_keeps_one():
    kept.append(shared.connect())

def test_needs_one():
    with shared.connect():
        pass

def test_three_at_once(engine):
    connections = [engine.connect() for _ in range(3)]
    for connection in connections:
        connection.close()
    with engine.connect(), engine.connect():
        pass

def test_threads_too(engine):
    ready = threading.Barrier(4)
    def work():
        with engine.connect():
            ready.wait(10)
    threads = [threading.Thread(target=work) for _ in range(4)]
    [each.start() for each in threads]
    [each.join() for each in threads]
"""


def test_most_at_once_is_reported(tmp_path: Path) -> None:
    status, said = run(tmp_path, PEAKS, "--pool-leaks", "--junitxml=out.xml")
    assert status == 0
    section = said.split("most connections out at once")[1]
    assert re.findall(r"^ +(\d+) .*::(\w+)$", section, re.MULTILINE) == [
        ("4", "test_threads_too"),
        ("3", "test_three_at_once"),
        ("1", "test_keeps_one"),
        ("1", "test_needs_one"),
    ]
    assert 'name="pool_dashboard_peak:' in (tmp_path / "out.xml").read_text()


ANYIO = """
@pytest.mark.anyio
async def test_forgets_in_anyio():
    engine = create_async_engine("sqlite+aiosqlite://")
    kept.append((engine, await engine.connect()))

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def test_anyio_tests_are_followed(tmp_path: Path) -> None:
    options = ("--pool-leaks", "-o", "asyncio_mode=strict")
    status, said = run(tmp_path, ANYIO, *options)
    assert (status, "1 failed" in said) == (1, True)
    assert _LINE.findall(said)[0][1] == "test_forgets_in_anyio"


CUT = """
import aiohttp, aiohttp.test_utils, aiohttp.web

@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session

@pytest.fixture
async def url():
    over = asyncio.Event()

    async def slow(request):
        response = aiohttp.web.StreamResponse()
        await response.prepare(request)
        await over.wait()

    app = aiohttp.web.Application()
    app.router.add_get("/", slow)
    async with aiohttp.test_utils.TestServer(app) as server:
        yield str(server.make_url("/"))
        over.set()

@pytest.fixture
async def response(url, session):
    async with session.get(url) as response:
        yield response

async def test_returned_by_a_fixture(response):
    assert response.status == 200

async def test_never_read(url, session):
    kept.append(await session.get(url))
"""


def test_end_of_the_pool_hides_no_leak(tmp_path: Path) -> None:
    status, said = run(tmp_path, CUT, "--pool-leaks")
    assert (status, "1 failed, 1 passed" in said) == (1, True)
    line = f"test_case.py:{line_of(CUT, 'await session.get(url))')} test_never_read"
    assert f"{line} (task" in said
    assert "cut off by the end of its pool" in said


def test_workers_of_xdist_report(tmp_path: Path) -> None:
    status, said = run(tmp_path, LEAKS + PEAKS, "--pool-leaks", "-n", "2")
    assert (status, "1 failed, 6 passed" in said) == (1, True)
    assert "4 " in said.split("most connections out at once")[1]


FAILS = """
def test_fails_and_leaks(engine):
    kept.append(engine.connect())
    assert 1 == 2, "the test's own words"
"""


def test_failure_keeps_its_own_words(tmp_path: Path) -> None:
    status, said = run(tmp_path, FAILS, "--pool-leaks")
    assert (status, "1 failed" in said) == (1, True)
    assert "the test's own words" in said
    assert "connections that were not returned" in said


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_stopping_at_the_first_failure_works(tmp_path: Path, option: str) -> None:
    status, said = run(tmp_path, LEAKS, "--pool-leaks", option)
    assert status == 1
    assert "1 failed, 1 passed" in said
