"""Every probe tells what a holder does with its connection."""

from typing import Any

import pytest

from dashboard.model.claim import GOT
from dashboard.probes import tap
from dashboard.probes.owners import asker

from .contract import Case, LedgerEyes, until
from .test_contract import ALL, opened, over

__all__ = ["opened"]


@over(ALL)
async def test_statement_is_told(case: Case, opened: Any) -> None:
    eyes = LedgerEyes()
    tapped = tap(opened, eyes.sink)
    assert tapped.probe.sees_statements is True
    connection = await case.checkout(opened)
    await case.use(opened, connection)
    use, (claim,) = eyes.use, eyes.sink.open.values()
    assert (use.statements, use.began, use.user) == (1, None, asker())
    assert 0 < use.busy <= use.last - claim[GOT]
    assert tapped.probe.in_use_by(eyes.lease) == ""
    await case.checkin(opened, connection)
    await until(lambda: eyes.used == 0)
    assert use.statements == 1
    assert (eyes.used, eyes.waiting, eyes.errors) == (0, 0, 0)
    tapped.remove(eyes.sink)


@over(ALL)
async def test_statement_on_adopted_connection_is_told(case: Case, opened: Any) -> None:
    connection = await case.checkout(opened)
    eyes = LedgerEyes()
    tapped = tap(opened, eyes.sink)
    await case.use(opened, connection)
    if case.can_fail:  # Else a checkout is a statement, and this one was not seen.
        assert (eyes.use.statements, eyes.use.began) == (1, None)
    await case.checkin(opened, connection)
    await until(lambda: eyes.used == 0)
    assert eyes.errors == 0
    tapped.remove(eyes.sink)


@over([case for case in ALL if case.can_fail])
async def test_failed_statement_ends(case: Case, opened: Any) -> None:
    eyes = LedgerEyes()
    tapped = tap(opened, eyes.sink)
    connection = await case.checkout(opened)
    with pytest.raises(Exception, match=r"no such column|does not exist"):
        await case.fail(opened, connection)
    assert (eyes.use.statements, eyes.use.began) == (1, None)
    assert eyes.use.busy > 0
    await case.checkin(opened, connection)
    tapped.remove(eyes.sink)


@over([case for case in ALL if case.can_kill and case.can_fail])
async def test_statement_on_killed_connection_ends(case: Case, opened: Any) -> None:
    eyes = LedgerEyes()
    tapped = tap(opened, eyes.sink)
    connection = await case.checkout(opened)
    await case.use(opened, connection)
    use = eyes.use
    await case.kill(opened, connection)
    await case.checkin(opened, connection)
    await until(lambda: eyes.used == 0)
    assert use.statements in {1, 2}  # asyncpg may know that it is dead before it asks.
    assert use.began is None
    tapped.remove(eyes.sink)


@over(ALL)
async def test_both_dashboards_are_told(case: Case, opened: Any) -> None:
    first, second = LedgerEyes(), LedgerEyes()
    tapped = tap(opened, first.sink)
    tap(opened, second.sink)
    connection = await case.checkout(opened)
    await case.use(opened, connection)
    assert [(each.use.statements, each.use.began) for each in (first, second)] == [(1, None)] * 2
    assert first.use.busy > 0 < second.use.busy
    await case.checkin(opened, connection)
    tapped.remove(first.sink)
    tapped.remove(second.sink)


@over(ALL)
async def test_stop_in_use_restores(case: Case, opened: Any) -> None:
    connection = await case.checkout(opened)
    await case.use(opened, connection)  # A dialect keeps what it has worked out.
    before = [(type(each), set(getattr(each, "__dict__", ()))) for each in case.hooked(opened)]
    eyes = LedgerEyes()
    tapped = tap(opened, eyes.sink)
    await case.use(opened, connection)
    tapped.remove(eyes.sink)
    after = [(type(each), set(getattr(each, "__dict__", ()))) for each in case.hooked(opened)]
    assert after == before
    await case.checkin(opened, connection)
