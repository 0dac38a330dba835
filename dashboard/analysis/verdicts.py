"""The verdicts on a checkout: one rule each, the strongest first."""

from typing import Final

from ..model.backends import Backend
from ..model.findings import Suspect
from ..model.snapshot import Checkout
from . import bound, deadlock, elsewhere, evidence
from .bound import COLD, FLOOR, Bound
from .long_holders import is_allowed
from .orphans import holder, is_gone, is_inside, is_strange, orphaned_for
from .sentences import place, plural, span
from .view import View

#: Seconds in an idle transaction that are worth a word.
STALLED: Final = 5.0
#: From so many on it is probable where the line is never quiet for as long.
_STALLED_LONG: Final = 30.0
#: Seconds that a nested checkout, or a nested request, has lasted when it is told.
NESTED: Final = 0.25
#: A part of it is enough where the owner has left the function that took it, and its caller.
_LEFT: Final = 3.0
#: So many times the bound make it probable where suspects of the line came back before, and
#: where the one that has it lives and is not the one that took it: nobody knows what it does.
_BACK: Final = 2.0
_HANDED_OVER: Final = 5.0
_LISTENS: Final = "listen"
_CURSOR: Final = "a cursor"
#: So many connections a caller may want of one line, by recursion or through a function that asks.
_PAIR: Final = 2
#: What one waits for that may be part of the work; an answer over the network is none.
_PATIENT: Final = ("a timer", "a queue", "a lock", "another", "a web socket")


def judge(view: View, checkout: Checkout) -> Suspect | None:
    """The first verdict that holds."""
    for rule in (_lost, _deadlocked):
        suspect = rule(view, checkout)
        if suspect is not None:
            return suspect
    if _may_hold(view, checkout):
        return None
    verdicts = (rule(view, checkout) for rule in (_orphaned, _busy, _quiet, _stalled, _nested))
    return next((suspect for suspect in verdicts if suspect is not None), None)


def _may_hold(view: View, checkout: Checkout) -> bool:
    expected = checkout.expected_hold
    return (
        (expected is not None and checkout.held_for <= expected)
        or checkout.in_use_by.startswith(_LISTENS)
        or is_allowed(checkout.call_site, view.scene.long_holders)
    )


def _lost(view: View, checkout: Checkout) -> Suspect | None:
    if not checkout.is_unreferenced:
        return None
    return view.suspect(checkout, "lost", "proven", evidence.unreferenced(checkout, view.pool))


def _deadlocked(view: View, checkout: Checkout) -> Suspect | None:
    tied = view.ties.get(checkout.connection)
    if tied is None:
        return None
    knot, tie = tied
    waits = "another" if tie.waits == tie.holds else f"one of {tie.waits}"
    waited = span(tie.waited_for)
    own = f"{tie.owner} holds it and has waited for {waits} at {place(tie.waits_at)} for {waited}"
    said = [knot.sentence.removesuffix("."), own, deadlock.advice(knot).removesuffix(".")]
    same = 1 + sum(each.call_site == checkout.call_site for each in view.beside(checkout))
    if same > _PAIR:
        said.append(
            f"all {same} were taken at {place(checkout.call_site)}: if each should have been "
            "returned before the next, they are leaked"
        )
    return view.suspect(checkout, "deadlocked", "probable", said)


def _orphaned(view: View, checkout: Checkout) -> Suspect | None:
    """Where statements cannot be seen, nobody knows whether it was used since."""
    site, ended = view.site(checkout), checkout.owner_ended_for or 0.0
    late = view.late(checkout, ended)
    if orphaned_for(checkout, site, late) is None:
        return None
    limit, sees = view.bound(checkout), view.sees(checkout)
    is_known = limit.is_fixed or not is_strange(checkout, site, ended - late)
    is_sure = (sees and is_known) or checkout.quiet_for > limit.sure
    said = (*evidence.left(checkout, ended, sees_statements=sees), *_also(view, checkout))
    return view.suspect(checkout, "orphaned", "probable" if is_sure else "possible", said, limit)


def _busy(view: View, checkout: Checkout) -> Suspect | None:
    """A statement runs for longer than this line should hold at all: no leak."""
    if checkout.in_statement is None:
        return None
    site = view.site(checkout)
    most = bound.of(site.use_time).seconds if site is not None else COLD
    return _long_query(view, checkout) if checkout.in_statement > most else None


def _quiet(view: View, checkout: Checkout) -> Suspect | None:
    """Beyond the bound; or, while others wait, quiet because its owner is elsewhere."""
    quiet = view.quiet(checkout)
    makes_wait = view.is_short and quiet > FLOOR
    if quiet <= view.bound(checkout).seconds and not makes_wait:
        return None
    limit = view.bound(checkout, exact=True)
    inside = is_inside(checkout, went_on=view.went_on(checkout))
    if inside and checkout.in_use_by and quiet <= max(limit.sure, COLD):
        return None
    somewhere = _somewhere(view, checkout, inside=inside)
    if somewhere and (makes_wait or quiet > limit.seconds):
        return _held_elsewhere(view, checkout, limit, somewhere)
    if quiet <= _needed(checkout, limit, inside=inside):
        return None
    is_working = elsewhere.is_at_server(checkout.now, view.pool.library)
    if inside and is_working and not checkout.beside:
        return _long_query(view, checkout)
    return _overdue(view, checkout, limit, inside=inside)


def _needed(checkout: Checkout, limit: Bound, *, inside: bool | None) -> float:
    """Seconds of quiet: the less speaks for a leak, the more."""
    if inside is False or is_gone(checkout) or limit.is_fixed:
        return limit.seconds
    return limit.sure if inside and limit.is_learned else limit.alone


def _long_query(view: View, checkout: Checkout) -> Suspect:
    said = (
        *evidence.long_query(checkout, view.usual(checkout)),
        *evidence.at_server(view.backend(checkout)),
    )
    return view.suspect(checkout, "long_query", "possible", said)


def _overdue(view: View, checkout: Checkout, limit: Bound, *, inside: bool | None) -> Suspect:
    site, backend = view.site(checkout), view.backend(checkout)
    doubt = _BACK if site is not None and site.came_back else 1.0
    if holder(checkout).is_alive and holder(checkout).ident != checkout.owner.ident:
        doubt *= _HANDED_OVER
    # Who goes on reading may come; a cursor that its reader left waits for nobody else.
    is_left = checkout.in_use_by == _CURSOR and (is_gone(checkout) or inside is False)
    is_used = bool(checkout.in_use_by) and not is_left
    is_unsure = bool(inside or is_used or checkout.is_adopted)
    is_orphan = is_gone(checkout) and not is_used
    sure = limit.sure * doubt
    if inside is False:
        sure = max(limit.seconds, sure / _LEFT)
    if is_left:
        sure = max(sure, COLD)
    if is_orphan and limit.is_fixed:
        sure = limit.seconds
    is_sure = not is_unsure and view.quiet(checkout) > sure
    verdict = "orphaned" if is_orphan else "overdue"
    if backend is not None and backend.state == "active":
        return _long_query(view, checkout)
    if not is_sure and verdict == "overdue" and _is_stalled(backend):
        verdict, is_sure = "stalled", _is_surely_stalled(view, checkout, limit, sure)
    said = (
        evidence.beyond(checkout, limit, sees_statements=view.sees(checkout)),
        *evidence.left(checkout),
        *evidence.whereabouts(checkout, is_inside=inside),
        *_also(view, checkout),
        *evidence.came_back(site),
    )
    return view.suspect(checkout, verdict, "probable" if is_sure else "possible", said, limit)


def _somewhere(view: View, checkout: Checkout, *, inside: bool | None) -> str:
    """What its owner waits for instead, if it is still at what it took the connection for."""
    is_request = checkout.request is not None and checkout.owner.kind == "task"
    is_at_it = inside or (is_request and not view.went_on(checkout))
    if not checkout.owner.is_alive or not is_at_it:
        return ""
    crossing = view.crossings.get(checkout.connection)
    if crossing is not None and crossing.waits:
        return f"a connection of {crossing.waits}"
    return elsewhere.waits_for(checkout.now, view.pool.library)


def _held_elsewhere(view: View, checkout: Checkout, limit: Bound, somewhere: str) -> Suspect:
    crossing = view.crossings.get(checkout.connection)
    owner = holder(checkout) if holder(checkout).is_alive else checkout.owner
    waits = f"its owner, {owner}, waits for {somewhere} meanwhile"
    said = [waits if crossing is None else crossing.sentence]
    if checkout.quiet_for > limit.seconds:
        said.append(evidence.beyond(checkout, limit, sees_statements=view.sees(checkout)))
    said += _also(view, checkout)
    if view.is_short:
        verb = "waits" if view.pool.pending_requests == 1 else "wait"
        others = plural(view.pool.pending_requests, "caller")
        said.append(f"{others} {verb} for a connection meanwhile")
    is_sure = checkout.quiet_for > limit.sure and not somewhere.startswith(_PATIENT)
    verdict = "held_elsewhere"
    if not is_sure and checkout.quiet_for > limit.seconds and _is_stalled(view.backend(checkout)):
        verdict, is_sure = "stalled", _is_surely_stalled(view, checkout, limit, limit.sure)
    certainty = "probable" if is_sure else "possible"
    return view.suspect(checkout, verdict, certainty, said, limit)


def _stalled(view: View, checkout: Checkout) -> Suspect | None:
    """Not beyond the bound, but the server keeps a transaction open for it."""
    if checkout.quiet_for < STALLED or not _is_stalled(view.backend(checkout)):
        return None
    return view.suspect(
        checkout, "stalled", "possible", _also(view, checkout), view.bound(checkout)
    )


def _is_surely_stalled(view: View, checkout: Checkout, limit: Bound, sure: float) -> bool:
    """The server has said so for long, and the line was never quiet for as long."""
    is_kept = checkout.in_use_by or checkout.is_adopted or not limit.is_learned
    is_long = _is_stalled(view.backend(checkout), _STALLED_LONG)
    return is_long and not is_kept and view.quiet(checkout) > sure


def _is_stalled(backend: Backend | None, least: float = STALLED) -> bool:
    return (
        backend is not None
        and backend.state.startswith("idle in transaction")
        and (backend.since or 0.0) >= least
    )


def _nested(view: View, checkout: Checkout) -> Suspect | None:
    """Its owner asked for one more of the same pool while it held this one."""
    owner = holder(checkout)
    waiter = view.waits(owner.ident)
    younger = [each for each in view.beside(checkout) if each.held_for < checkout.held_for]
    if waiter is not None and waiter.waited_for < checkout.held_for:
        does, inner, ago = "asked for another one", waiter.call_site, waiter.waited_for
    elif younger:
        latest = max(younger, key=lambda each: each.held_for)
        does, inner, ago = "took another one", latest.call_site, latest.held_for
    else:
        return None
    if ago < NESTED or is_inside(checkout) is False:
        return None
    own = f"{owner} holds it and {does} of the same pool at {place(inner)}, {span(ago)} ago"
    said = (own, *deadlock.hazard(view.pool))
    return view.suspect(checkout, "nested", "possible", said)


def _also(view: View, checkout: Checkout) -> tuple[str, ...]:
    """Held against used, and what the server says."""
    return (
        *evidence.used(checkout, sees_statements=view.sees(checkout)),
        *evidence.at_server(view.backend(checkout)),
    )
