"""Code to copy: how each library wants its pools made, used, and closed."""

from typing import Final

from ..model.origin import CallSite
from .case import Case

_LIFESPAN: Final = {
    "sqlalchemy async": """
@asynccontextmanager
async def lifespan(app):
    engine = create_async_engine(DATABASE_URL)
    app.state.engine = engine
    try:
        yield
    finally:
        await engine.dispose()
""",
    "sqlalchemy": """
engine = create_engine(DATABASE_URL)  # once, at module level

atexit.register(engine.dispose)
""",
    "asyncpg": """
@asynccontextmanager
async def lifespan(app):
    async with asyncpg.create_pool(DATABASE_URL) as pool:
        app.state.pool = pool
        yield
""",
    "aiohttp": """
@asynccontextmanager
async def lifespan(app):
    async with aiohttp.ClientSession() as session:
        app.state.session = session
        yield
""",
}
_WITH: Final = {
    "sqlalchemy async": """
-    connection = await engine.connect()
+    async with engine.connect() as connection:  # or: async with session_factory() as session
+        ...  # the work; it goes back at the end, also after an error
""",
    "sqlalchemy": """
-    connection = engine.connect()
+    with engine.connect() as connection:  # or: with Session(engine) as session
+        ...  # the work; it goes back at the end, also after an error
""",
    "asyncpg": """
-    connection = await pool.acquire()
+    async with pool.acquire() as connection:
+        ...  # the work; it goes back at the end, also after an error
""",
    "aiohttp": """
-    response = await session.get(url)
+    async with session.get(url) as response:
+        body = await response.read()
""",
}
_EARLIER: Final = {
    "sqlalchemy async": """
-    async with session_factory() as session:
-        order = await session.get(Order, number)
-        await call_the_other_service(order)
+    async with session_factory() as session:
+        order = await session.get(Order, number)
+    await call_the_other_service(order)  # the connection is back by now
""",
    "sqlalchemy": """
-    with Session(engine) as session:
-        order = session.get(Order, number)
-        call_the_other_service(order)
+    with Session(engine, expire_on_commit=False) as session:
+        order = session.get(Order, number)
+    call_the_other_service(order)  # the connection is back by now
""",
    "asyncpg": """
-    async with pool.acquire() as connection:
-        row = await connection.fetchrow(QUERY, number)
-        await call_the_other_service(row)
+    async with pool.acquire() as connection:
+        row = await connection.fetchrow(QUERY, number)
+    await call_the_other_service(row)  # the connection is back by now
""",
}
_DOWN: Final = {
    "sqlalchemy async": """
-    async with engine.begin() as connection:
-        await book(order)                # connects a second time
+    async with engine.begin() as connection:
+        await book(connection, order)    # uses the one that is there
""",
    "sqlalchemy": """
-    with engine.begin() as connection:
-        book(order)                # connects a second time
+    with engine.begin() as connection:
+        book(connection, order)    # uses the one that is there
""",
    "asyncpg": """
-    async with pool.acquire() as connection:
-        await book(order)                # acquires a second time
+    async with pool.acquire() as connection:
+        await book(connection, order)    # uses the one that is there
""",
}
#: SQLAlchemy: one retry after the connection was lost, in a transaction of its own.
RETRY: Final = """
+for attempt in range(2):
+    try:
+        {begin} as connection:
+            {run}
+        break
+    except DBAPIError as error:  # the transaction was rolled back when the block was left
+        if attempt or not error.connection_invalidated:
+            raise
"""
#: SQLAlchemy: ask only a connection that has lain idle for over a second.
PING_WHEN_IDLE: Final = """
+@event.listens_for({engine}, "checkin")
+def note_checkin(connection, record):
+    record.info["since"] = time.monotonic()
+
+
+@event.listens_for({engine}, "checkout")
+def ping_when_idle(connection, record, proxy):
+    if time.monotonic() - record.info.get("since", 0.0) > 1:
+        try:
+            {engine}.dialect.do_ping(connection)
+        except Exception as error:
+            raise DisconnectionError from error  # the pool connects anew
"""
#: SQLAlchemy: connections that were born together do not end together.
JITTER: Final = """
+@event.listens_for({engine}, "connect")
+def note_age(connection, record):
+    record.info["ends"] = time.time() + {recycle} * random.uniform(0.9, 1.1)
+
+
+@event.listens_for({engine}, "checkout")
+def recycle(connection, record, proxy):
+    if time.time() > record.info["ends"]:
+        raise DisconnectionError("recycled")
"""
_WARM: Final = {
    "sqlalchemy async": """
+    connections = [await engine.connect() for _ in range({count})]  # in the lifespan, at start
+    for connection in connections:
+        await connection.close()
""",
    "sqlalchemy": """
+connections = [engine.connect() for _ in range({count})]  # at start, before traffic comes
+for connection in connections:
+    connection.close()
""",
}


def _key(case: Case) -> str:
    library = case.pool.library
    return f"{library} async" if library == "sqlalchemy" and case.is_async else library


def lifespan(case: Case) -> str:
    """One pool for the life of the application, closed at its end."""
    return _added(_LIFESPAN.get(_key(case), ""))


def with_block(case: Case, site: CallSite | None = None) -> str:
    """A checkout that cannot be forgotten."""
    return _at(site) + _WITH.get(_key(case), "").lstrip("\n")


def earlier(case: Case, site: CallSite | None = None) -> str:
    """The connection goes back before the slow call."""
    return _at(site) + _EARLIER.get(_key(case), "").lstrip("\n")


def pass_down(case: Case, site: CallSite | None = None) -> str:
    """The connection that is there is used."""
    return _at(site) + _DOWN.get(_key(case), "").lstrip("\n")


def retry(case: Case) -> str:
    """Once more after the connection was lost; with rollback."""
    if case.pool.library != "sqlalchemy":
        return ""
    begin = "async with engine.begin()" if case.is_async else "with engine.begin()"
    run = (
        "await connection.execute(statement)" if case.is_async else "connection.execute(statement)"
    )
    return RETRY.format(begin=begin, run=run)


def engine(case: Case) -> str:
    """What events of a pool are listened for on."""
    return "engine.sync_engine" if case.is_async else "engine"


def warm_up(case: Case, count: int) -> str:
    """Open at start what the first minute needs."""
    return _WARM.get(_key(case), "").format(count=count)


def _at(site: CallSite | None) -> str:
    return f"# {site}\n" if site is not None and site.line else ""


def _added(code: str) -> str:
    """As lines of a diff."""
    return "\n".join(f"+{line}" if line else "+" for line in code.strip("\n").splitlines())
