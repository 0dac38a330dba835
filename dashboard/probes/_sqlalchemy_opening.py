"""SQLAlchemy engines from plain settings: sync or async, as the dialect of the address is.

Read in 2.1.9 and 2.0: `create_engine` takes what its typed overload names, and what the dialect's
class takes beside that.
"""

import asyncio
import contextlib
import inspect
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, get_overloads

import sqlalchemy
from sqlalchemy import Engine, create_engine, make_url, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import get_cls_kwargs

from ._opening import Ping

#: Kinds by how an annotation begins; anything else is any.
_KINDS: Final = {
    "int": "whole",
    "Optional[int]": "whole",
    "float": "number",
    "bool": "flag",
    "str": "text",
    "IsolationLevel": "text",
    "Dict": "table",
    "_ExecuteOptions": "table",
    "List": "list",
    "Callable": "object",
    "Union[_CreatorFnType": "object",
    "Optional[Pool]": "object",
    "Optional[Any]": "object",
    "Optional[Type[Pool]]": "named",
}
_SECONDS: Final = ("pool_recycle", "pool_timeout")
#: Numbers that the library takes and then does what nobody meant.
_LEAST: Final = {"pool_size": 0, "max_overflow": -1}
_OURS: Final = {"url", "kwargs", "dbapi"}
_REFUSED: Final = re.compile(
    r"Invalid argument\(s\) ([\w',]+) sent to create_engine\(\), using configuration \w+/(\w+)/"
)


def options(url: str) -> Mapping[str, str]:
    """From the signature of `create_engine` and the class of the dialect."""
    dialect = _dialect(url)
    found = dict.fromkeys((*get_cls_kwargs(dialect), "async_creator"), "any")
    for each in get_overloads(create_engine):
        for name, parameter in inspect.signature(each).parameters.items():
            found[name] = _kind(str(parameter.annotation))
    found |= dict.fromkeys(_SECONDS, "seconds")
    return {name: kind for name, kind in found.items() if name not in _OURS and name[0] != "_"}


def _kind(annotation: str) -> str:
    return next((kind for begin, kind in _KINDS.items() if annotation.startswith(begin)), "any")


def _dialect(url: str) -> type[Any]:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # Its own words may repeat the password.
        raise ValueError(
            "is no address of SQLAlchemy: dialect+driver://user@host/database"
        ) from None
    if "@" in (address.host or ""):
        raise ValueError("has an @ too many: in a user or a password it is written %40")
    try:
        return address.get_dialect()
    except NoSuchModuleError:
        name = address.drivername
        hint = "; write postgresql+psycopg://, or set library" if name == "postgres" else ""
        raise ValueError(f"names {name}, which SQLAlchemy has no dialect for{hint}") from None


def open_pool(url: str, options: Mapping[str, Any]) -> Engine | AsyncEngine:
    """An engine, which connects when it is first used."""
    given = dict(options)
    if isinstance(given.get("poolclass"), str):
        given["poolclass"] = _pool_class(given["poolclass"])
    for name, least in _LEAST.items():
        if isinstance(given.get(name), int) and given[name] < least:
            raise ValueError(f"has {name} {given[name]}; it begins at {least}, which is no bound")
    create = create_async_engine if _dialect(url).is_async else create_engine
    try:
        return create(url, **given)
    except ModuleNotFoundError as error:
        raise ValueError(_no_driver(url, error)) from error
    except TypeError as error:
        raise ValueError(_refusal(str(error))) from error
    except ArgumentError as error:
        raise ValueError(f"cannot be opened: {error}") from error


def _no_driver(url: str, missing: ModuleNotFoundError) -> str:
    name = make_url(url).drivername
    if "+" in name:
        return f"needs {missing.name}, which is not installed"
    driver = f"needs {missing.name}, the usual driver of {name}://, which is not installed"
    return f"{driver}; install it, or name another one: {name}+driver://"


def _refusal(words: str) -> str:
    """Says which options, where the library tells."""
    found = _REFUSED.match(words)
    if found is None:
        return f"cannot be opened: {words}"
    names = found[1].replace("'", "").replace(",", ", ")
    return f"has {names}, which a {found[2]} does not take"


def _pool_class(name: str) -> type[Any]:
    found = getattr(sqlalchemy.pool, name, None)
    if not isinstance(found, type) or not issubclass(found, sqlalchemy.pool.Pool):
        raise ValueError(f"has poolclass {name!r}, which is none of sqlalchemy.pool")  # noqa: TRY004
    return found


async def start(pool: Any) -> None:
    """An engine has nothing to open first."""


def ping(pool: Any, url: str) -> Ping:
    """`SELECT 1`; of a sync engine in a thread of its own, so that the loop goes on."""
    if isinstance(pool, AsyncEngine):
        return _AsyncPing(pool)
    if isinstance(pool, Engine):
        return _SyncPing(pool)
    raise ValueError(f"has a probe, which needs an engine, not a {type(pool).__name__}")


class _AsyncPing:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def __call__(self) -> None:
        async with self._engine.connect() as connection:
            await connection.scalar(select(1))


class _SyncPing:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._busy: asyncio.Future[None] | None = None

    async def __call__(self) -> None:
        """A thread cannot be cancelled: as long as one asks, no other begins."""
        if self._busy is None or self._busy.done():
            self._busy = in_thread(self._ask, "health query")
            self._busy.add_done_callback(_look)
        await asyncio.shield(self._busy)

    def _ask(self) -> None:
        with self._engine.connect() as connection:
            connection.scalar(select(1))


def _look(done: "asyncio.Future[None]") -> None:
    """An error that comes after the time is up is no news."""
    if not done.cancelled():
        done.exception()


async def close(pool: Any) -> None:
    """Closes what is idle; what is out ends with whoever holds it."""
    if isinstance(pool, AsyncEngine):
        await pool.dispose()
    else:
        await in_thread(pool.dispose, "closing")


def in_thread(function: Callable[[], None], name: str) -> "asyncio.Future[None]":
    """In a daemon thread: an executor's would keep the process until it ends."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def work() -> None:
        error: BaseException | None = None
        try:
            function()
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits.
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return done
