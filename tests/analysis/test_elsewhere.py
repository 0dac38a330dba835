import pytest

from dashboard.analysis.elsewhere import is_at_server, waits_for
from dashboard.model.snapshot import StackFrame
from tests.analysis.held import DRIVER, HTTP, INSIDE, SLEEP, library

GREENLET = library("sqlalchemy/util/concurrency.py", "greenlet_spawn")


@pytest.mark.parametrize(
    ("inner", "place"),
    [
        ((SLEEP,), "a timer (asyncio.sleep)"),
        ((library("asyncio/locks.py", "Event.wait"),), "a lock or an event"),
        ((library("asyncio/queues.py", "Queue.get"),), "a queue"),
        ((library("threading.py", "Condition.wait"), library("queue.py", "Queue.get")), "a queue"),
        ((library("asyncio/streams.py", "StreamReader.read"), HTTP), "an HTTP answer (aiohttp)"),
        (
            (library("socket.py", "SocketIO.readinto"), library("urllib/request.py", "urlopen")),
            "an HTTP answer (urllib)",
        ),
        (
            (library("httpcore/_async/http11.py", "request"), library("httpx/_client.py", "send")),
            "an HTTP answer (httpx)",
        ),
        ((library("subprocess.py", "Popen.wait"),), "another program"),
    ],
)
def test_place_is_what_the_application_called(inner: tuple[StackFrame, ...], place: str) -> None:
    assert waits_for((*inner, INSIDE), "asyncpg") == place


@pytest.mark.parametrize(
    "now",
    [
        pytest.param((DRIVER, INSIDE), id="the driver"),
        pytest.param((library("asyncio/locks.py", "Lock.acquire"), DRIVER, INSIDE), id="below it"),
        pytest.param((DRIVER, GREENLET, INSIDE), id="behind a greenlet"),
        pytest.param((INSIDE,), id="the application itself"),
        pytest.param((library("asyncio/tasks.py", "wait_for"), INSIDE), id="a task"),
        pytest.param((INSIDE, SLEEP), id="called by a library"),
        pytest.param((), id="nothing known"),
    ],
)
def test_own_server_is_not_elsewhere(now: tuple[StackFrame, ...]) -> None:
    assert waits_for(now, "sqlalchemy") == ""


def test_driver_is_the_server_of_its_pool() -> None:
    assert is_at_server((DRIVER, GREENLET, INSIDE), "sqlalchemy")
    assert not is_at_server((HTTP, INSIDE), "sqlalchemy")
    assert is_at_server((HTTP, INSIDE), "aiohttp")


def test_database_is_elsewhere_for_an_http_pool() -> None:
    assert waits_for((DRIVER, INSIDE), "aiohttp") == "a database"
    assert waits_for((HTTP, INSIDE), "aiohttp") == ""


def test_paths_of_windows_are_paths() -> None:
    assert waits_for((library("asyncio\\tasks.py", "sleep"), INSIDE), "asyncpg").startswith("a tim")
