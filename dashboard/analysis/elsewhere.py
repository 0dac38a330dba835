"""What an owner waits for, read off its stack: the pool's own server, or something else."""

from collections.abc import Iterator, Sequence
from typing import Final

from ..model.snapshot import StackFrame

#: What talks to a database, by the first part of its path.
_DATABASES: Final = frozenset(
    {
        "aiomysql",
        "aioodbc",
        "aiosqlite",
        "asyncmy",
        "asyncpg",
        "cx_Oracle",
        "greenlet",
        "mysql",
        "MySQLdb",
        "oracledb",
        "pg8000",
        "psycopg",
        "psycopg2",
        "psycopg_binary",
        "psycopg_c",
        "psycopg_pool",
        "pymysql",
        "pyodbc",
        "sqlalchemy",
        "sqlite3",
        "sqlmodel",
    }
)
#: The libraries of pools that lead to no database, with what is theirs.
_OWN: Final = {
    "aiohttp": frozenset({"aiohttp"}),
    "httpx": frozenset({"httpx", "httpcore"}),
    "redis": frozenset({"redis"}),
    "pymongo": frozenset({"pymongo"}),
}
#: Where one waits, by the begin of the path; the first that fits.
_PLACES: Final = (
    ("aiohttp/", "an HTTP answer (aiohttp)"),
    ("httpx/", "an HTTP answer (httpx)"),
    ("httpcore/", "an HTTP answer (httpcore)"),
    ("requests/", "an HTTP answer (requests)"),
    ("urllib3/", "an HTTP answer (urllib3)"),
    ("urllib/", "an HTTP answer (urllib)"),
    ("http/client.py", "an HTTP answer (http.client)"),
    ("openai/", "an HTTP answer (openai)"),
    ("anthropic/", "an HTTP answer (anthropic)"),
    ("botocore/", "an answer of AWS (botocore)"),
    ("aiobotocore/", "an answer of AWS (aiobotocore)"),
    ("grpc/", "an answer over gRPC"),
    ("websockets/", "a web socket"),
    ("redis/", "an answer of Redis"),
    ("valkey/", "an answer of Valkey"),
    ("pymongo/", "an answer of MongoDB"),
    ("motor/", "an answer of MongoDB"),
    ("elasticsearch/", "an answer of Elasticsearch"),
    ("aiokafka/", "Kafka"),
    ("kafka/", "Kafka"),
    ("pika/", "RabbitMQ"),
    ("aio_pika/", "RabbitMQ"),
    ("smtplib.py", "a mail server"),
    ("aiosmtplib/", "a mail server"),
    ("ftplib.py", "a file server"),
    ("paramiko/", "an SSH server"),
    ("subprocess.py", "another program"),
    ("asyncio/subprocess.py", "another program"),
    ("asyncio/queues.py", "a queue"),
    ("queue.py", "a queue"),
    ("multiprocessing/", "another process"),
    ("asyncio/locks.py", "a lock or an event"),
    ("threading.py", "a lock, an event or a thread"),
    ("concurrent/futures/", "another thread"),
    ("asyncio/streams.py", "a network stream"),
    ("starlette/websockets.py", "a web socket"),
    ("fastapi/websockets.py", "a web socket"),
    ("anyio/", "another task"),
    ("ssl.py", "a network connection"),
    ("socket.py", "a network connection"),
)
#: Functions of asyncio/tasks.py; what else stands there waits for a task that may do anything.
_SLEEP: Final = "sleep"
_TASKS: Final = "asyncio/tasks.py"


def waits_for(now: Sequence[StackFrame], library: str) -> str:
    """What the owner of a connection waits for that is not behind the pool: `a queue`.

    Empty when it waits for the pool's own server, computes, or when nobody can tell.
    """
    own = _OWN.get(library, _DATABASES)
    inner = list(_behind_application(now))
    if any(_root(path) in own for path, _ in inner):
        return ""
    if library in _OWN and any(_root(path) in _DATABASES for path, _ in inner):
        return "a database"
    for path, function in reversed(inner):
        place = _place(path, function)
        if place:
            return place
    return ""


def is_at_server(now: Sequence[StackFrame], library: str) -> bool:
    """Whether the owner is inside the pool's own library or driver."""
    own = _OWN.get(library, _DATABASES)
    return any(_root(path) in own for path, _ in _behind_application(now))


def _behind_application(now: Sequence[StackFrame]) -> Iterator[tuple[str, str]]:
    """What the application's innermost line called: path and function, innermost first."""
    for frame in now:
        if not frame.is_library:
            return
        yield frame.file.replace("\\", "/"), frame.function


def _root(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def _place(path: str, function: str) -> str:
    if path == _TASKS:
        return "a timer (asyncio.sleep)" if function == _SLEEP else ""
    return next((words for begin, words in _PLACES if path.startswith(begin)), "")
