"""Claims as plain data: who holds, who waits, what was lost, what came back."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from ..model.claim import (
    ASKED,
    CONNECTION,
    GOT,
    OWNER,
    PHASES,
    RETURNED,
    SETTING_OF,
    SITE,
    USE,
    Claim,
    LiveOwner,
    Use,
    actor_of,
    is_unreferenced,
    quiet_for,
    request_of,
)
from ..model.origin import Owner
from ..model.snapshot import CameBack, Checkout, Lost, StackFrame, Waiter
from .comebacks import Comeback
from .plain import call_site, owner, stack
from .sights import Sight

#: From so many seconds on it is asked what an owner does.
_LONG: Final = 1.0
#: The same for who waits for its owner.
_NOTICEABLE: Final = 0.25
Stack = tuple[tuple[str, int, str, bool], ...]


class Portraits:
    """Made at one instant."""

    def __init__(
        self,
        now: float,
        when: Callable[[float], datetime],
        doing: Callable[[LiveOwner], Stack] | None,
    ) -> None:
        """`when` answers the date of a time of the clock, `doing` what an owner does."""
        self._now = now
        self._when = when
        self._doing = doing

    def checkouts(self, sight: Sight) -> tuple[Checkout, ...]:
        """What is out, the longest first."""
        out = [self.checkout(sight, lease, claim) for lease, claim in sight.held.items()]
        out += [
            self.checkout(sight, lease, claim, is_retired=True)
            for lease, claim in sight.retired.items()
        ]
        return tuple(sorted(out, key=_held_for, reverse=True))

    def checkout(
        self, sight: Sight, lease: int, claim: Claim, *, is_retired: bool = False
    ) -> Checkout:
        """One that is out."""
        facts, setting, site = claim[CONNECTION], claim[SETTING_OF], claim[SITE]
        use: Use | None = claim[USE]
        quiet = quiet_for(claim, self._now)
        running = use.began if use is not None else None
        return Checkout(
            call_site=call_site(site),
            stack=stack(site),
            owner=owner(claim[OWNER]),
            request=request_of(claim),
            held_for=max(0.0, self._now - claim[GOT]),
            last_used=None if use is None else quiet,
            quiet_for=quiet,
            statements=0 if use is None else use.statements,
            busy_for=0.0 if use is None else use.busy_until(self._now),
            in_statement=None if running is None else max(0.0, self._now - running),
            user=None if use is None or use.user is None else owner(use.user),
            owner_ended_for=sight.endings.ended_for(claim, self._now),
            owner_end_seen=sight.endings.was_seen(claim),
            handed_over=sight.endings.was_handed_over(claim),
            in_use_by=sight.in_use_by(lease),
            beside=() if is_retired else sight.beside(claim),
            backend_pid=facts.backend_pid,
            connection=facts.number,
            wait_time=claim[GOT] - claim[ASKED],
            since=self._when(claim[GOT]),
            now=self._doing_now(claim),
            awaited_by=_awaited_by(actor_of(claim), self._now - claim[GOT]),
            age=max(0.0, self._now - facts.born),
            uses=facts.uses,
            host=facts.host,
            phases=dict(claim[PHASES] or {}),
            expected_hold=setting.expected_hold if setting is not None else None,
            is_adopted=not site.index,
            is_retired=is_retired,
            is_unreferenced=is_unreferenced(claim),
        )

    def _doing_now(self, claim: Claim) -> tuple[StackFrame, ...]:
        """A look at whoever uses it costs more than the rest: only for what is held for long."""
        if self._doing is None or self._now - claim[GOT] < _LONG:
            return ()
        return tuple(StackFrame(*frame) for frame in self._doing(actor_of(claim)))

    def waiter(self, claim: Claim) -> Waiter:
        """One in the queue."""
        setting = claim[SETTING_OF]
        return Waiter(
            call_site=call_site(claim[SITE]),
            stack=stack(claim[SITE]),
            owner=owner(claim[OWNER]),
            request=request_of(claim),
            waited_for=max(0.0, self._now - claim[ASKED]),
            awaited_by=_awaited_by(claim[OWNER], self._now - claim[ASKED]),
            since=self._when(claim[ASKED]),
            expected_hold=setting.expected_hold if setting is not None else None,
        )

    def lost(self, claim: Claim) -> Lost:
        """One that nobody returned."""
        return Lost(
            call_site=call_site(claim[SITE]),
            stack=stack(claim[SITE]),
            owner=owner(claim[OWNER]),
            request=request_of(claim),
            held_for=claim[RETURNED] - claim[GOT],
            backend_pid=claim[CONNECTION].backend_pid,
            connection=claim[CONNECTION].number,
            since=self._when(claim[GOT]),
            ended_at=self._when(claim[RETURNED]),
            ended_ago=max(0.0, self._now - claim[RETURNED]),
        )

    def came_back(self, comeback: Comeback) -> CameBack:
        """One that had been a suspect."""
        claim = comeback.claim
        return CameBack(
            call_site=call_site(claim[SITE]),
            stack=stack(claim[SITE]),
            owner=owner(claim[OWNER]),
            request=request_of(claim),
            held_for=claim[RETURNED] - claim[GOT],
            quiet=comeback.quiet,
            bound=comeback.bound,
            backend_pid=claim[CONNECTION].backend_pid,
            connection=claim[CONNECTION].number,
            since=self._when(claim[GOT]),
            ended_at=self._when(claim[RETURNED]),
            ended_ago=max(0.0, self._now - claim[RETURNED]),
        )


def _awaited_by(live: LiveOwner, seconds: float) -> tuple[Owner, ...]:
    """Looked for from so many seconds on; some microseconds."""
    if seconds < _NOTICEABLE:
        return ()
    return tuple(map(owner, live.awaited_by()))


def _held_for(checkout: Checkout) -> float:
    return checkout.held_for
