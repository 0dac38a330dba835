"""R23 and R24: a pooler between the pool and the server."""

from typing import Final

from ..case import Case
from ..diffs import Code
from ..words import many, number
from .rule import SETTINGS, Found, rule

#: PgBouncer's default `default_pool_size`.
_POOLER_SIZE: Final = 20


@rule(
    "R23",
    "Prepared statements behind a pooler",
    needs=SETTINGS,
    why="""PgBouncer in transaction mode gives each transaction another server connection, so a
    statement that was prepared on one is unknown on the next: InvalidSQLStatementNameError,
    DuplicatePreparedStatementError. asyncpg prepares everything it runs; its cache must be off
    there, or PgBouncer (from 1.21 on) must be told max_prepared_statements.""",
    silent="""No statement failed that way, and the address does not look like a pooler's (port 6432
    or 6543) or the statement cache is off. Session mode needs none of this; the mode cannot be
    seen from here.""",
)
def prepared(case: Case) -> Found | None:
    """Statements failed for it; or a pooler's port and a statement cache."""
    failed, is_asyncpg = case.seen.unprepared, case.pool.library == "asyncpg"
    if not failed and not case.is_pooled:
        return None
    if is_asyncpg:
        cache = case.number("statement_cache_size")
        return None if cache == 0 and not failed else _asyncpg(case, cache)
    if not case.is_queue or case.pool.backend not in {"", "PostgreSQL"}:
        return None
    return _behind_sqlalchemy(case) if failed or case.is_async else None


def _behind_sqlalchemy(case: Case) -> Found:
    failed = case.seen.unprepared
    off = (
        '{"statement_cache_size": 0, "prepared_statement_name_func": '
        'lambda: f"__asyncpg_{uuid4()}__"}'
        if case.is_async
        else '{"prepare_threshold": None}'
    )
    return Found(
        title=_FAILED if failed else "A pooler, and a driver that prepares statements",
        severity="warning" if failed else "info",
        evidence=(
            *_evidence(case),
            "asyncpg behind SQLAlchemy prepares each statement it runs."
            if case.is_async
            else "psycopg prepares what it runs often.",
        ),
        settings={
            "connect_args": (None, Code(off)),
            "poolclass": (Code(case.pool.kind), Code("NullPool")),
        },
        reasons=("needed in PgBouncer's transaction mode; not in session mode",),
        effect="No InvalidSQLStatementNameError; each statement is parsed anew.",
        confidence="high" if failed else "low",
        benefit=float(failed) or None,
    )


_FAILED: Final = "Statements fail: another connection had prepared them"


def _asyncpg(case: Case, cache: float | None) -> Found:
    shown, failed = "on" if cache is None else number(cache), case.seen.unprepared
    return Found(
        title=_FAILED if failed else "A pooler, and a cache of prepared statements",
        evidence=(*_evidence(case), f"statement_cache_size is {shown}."),
        settings={"statement_cache_size": (None if cache is None else int(cache), 0)},
        reasons=(
            "needed in PgBouncer's transaction mode; or, from PgBouncer 1.21 on,",
            "max_prepared_statements = 200 in pgbouncer.ini",
        ),
        effect="No InvalidSQLStatementNameError; each statement is parsed anew.",
        confidence="high" if failed else "medium",
        benefit=float(failed) or None,
    )


def _evidence(case: Case) -> tuple[str, ...]:
    failed = case.seen.unprepared
    told = (
        f"{many(failed, 'statement')} failed since the watch began, as prepared statements do "
        "behind a pooler in transaction mode, or after DEALLOCATE ALL."
    )
    return (*((told,) if failed else ()), *((_leads_to(case),) if case.is_pooled else ()))


def _by(case: Case) -> str:
    """The other one is Supabase's, among others."""
    is_usual = case.place.endswith(":6432")
    return "that is PgBouncer's usual port" if is_usual else "poolers listen on that port"


def _leads_to(case: Case) -> str:
    return f"The pool connects to {case.place}: {_by(case)}."


@rule(
    "R24",
    "Two pools in a row",
    needs=SETTINGS,
    why="""A pool in front of a pooler keeps connections that the pooler then queues: beyond the
    pooler's default_pool_size callers wait there, where this dashboard cannot see them, and the
    pool's own figures look calm. Keep one of the two small, or let the pooler do it alone.""",
    silent="""The address does not look like a pooler's, or this pool may open no more than the
    pooler's default_pool_size (20 unless told otherwise).""",
)
def double(case: Case) -> Found | None:
    """More connections than the pooler hands on."""
    most, told = case.pool.max, case.server.pooler
    size = _POOLER_SIZE if told is None else told
    if not case.is_pooled or (most is not None and most * case.server.workers <= size):
        return None
    each = max(1, size // case.server.workers)
    wanted = "any number of" if most is None else f"{most * case.server.workers:,}"
    return Found(
        title="This pool queues in front of another pool",
        severity="info",
        evidence=(
            _leads_to(case),
            f"The pool may open {wanted} connections"
            + (f" in {case.server.workers} workers" if case.server.workers > 1 else "")
            + f"; PgBouncer hands on {size} at a time"
            + (" unless its default_pool_size is larger." if told is None else "."),
        ),
        settings=_smaller(case, each),
        code=_without(case),
        reasons=(f"{size} over {many(case.server.workers, 'worker')}",),
        effect="Callers wait in this pool, where it can be seen, and not in the pooler.",
        confidence="medium" if told is not None else "low",
    )


def _smaller(case: Case, each: int) -> dict[str, tuple[object, object]]:
    if case.pool.library == "asyncpg":
        return {"max_size": (case.pool.config.get("max_size"), each)}
    return {
        "pool_size": (case.pool.config.get("pool_size"), each),
        "max_overflow": (case.pool.config.get("max_overflow"), 0),
    }


def _without(case: Case) -> str:
    if case.pool.library != "sqlalchemy":
        return ""
    return "+    # or leave it to the pooler alone: poolclass=NullPool"
