"""What keeps a connection of a SQLAlchemy pool in use without a statement that was told."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final
from weakref import ref

#: libpq's word for a command that the server has not answered yet; psycopg and psycopg2 pass it on.
_ACTIVE: Final = 1


def by_cursors(executions: Iterable["ref[Any]"]) -> str:
    """`a cursor` while rows of one of these may still be fetched from the server."""
    return "a cursor" if any(_is_open(each()) for each in executions) else ""


def _is_open(context: Any) -> bool:
    # Its result is gone, or its connection was returned.
    if context is None or getattr(context.root_connection, "_dbapi_connection", None) is None:
        return False
    cursor = context.cursor
    # Around an asyncio driver's cursor SQLAlchemy has one of its own, empty once it is closed.
    inner = getattr(cursor, "_cursor", cursor)
    return inner is not None and not getattr(inner, "closed", False)


def by_driver(driver: Any) -> str:
    """`listeners`, or `a statement` that the application runs past SQLAlchemy."""
    library = type(driver).__module__.partition(".")[0]
    with suppress(Exception):  # It was closed just now.
        if library == "asyncpg":
            return _by_asyncpg(driver)
        if library == "psycopg" and driver._notify_handlers:
            return "listeners"
        if library in {"psycopg", "psycopg2"} and driver.info.transaction_status == _ACTIVE:
            return "a statement"
    return ""


def _by_asyncpg(driver: Any) -> str:
    if driver._listeners or driver._log_listeners:
        return "listeners"
    return "a statement" if driver._stmt_exclusive_section._acquired else ""
