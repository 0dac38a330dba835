"""Which checkouts may be leaks: verdicts with evidence, from snapshots."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from ..model.backends import Backend
from ..model.findings import CERTAINTIES, Suspect
from ..model.origin import UNKNOWN_OWNER, CallSite
from ..model.snapshot import Checkout, Lost, PoolSnapshot, Snapshot
from . import crossing, deadlock, evidence, forecast
from .bound import FLOOR, Bounds
from .returning import Memory
from .sentences import span
from .verdicts import NESTED, judge
from .view import Scene, View

#: Verdicts that are no leak: worth a word, never an alarm.
NOTES: Final = frozenset({"long_query", "nested"})
_NOWHERE: Final = CallSite("", 0, "(no pool has it)")


def find(
    snapshot: Snapshot, leak_after: float | None = None, long_holders: tuple[str, ...] = ()
) -> list[Suspect]:
    """Suspects of all pools, the most certain first, then the longest held.

    `leak_after` in seconds of quiet is everybody's bound; None learns one for each call site.
    `long_holders` are patterns of call sites that may hold for as long as they like.
    """
    return Detector(leak_after, long_holders).find(snapshot)


class Detector:
    """Finds suspects look by look: it remembers bounds, and whom it suspected."""

    def __init__(self, leak_after: float | None = None, long_holders: tuple[str, ...] = ()) -> None:
        """As for `find`."""
        self._leak_after = leak_after
        self._long_holders = long_holders
        self._bounds = Bounds(leak_after)
        self._memory = Memory()

    def find(
        self,
        snapshot: Snapshot,
        backends: Mapping[int, Backend] | None = None,
        ghosts: Mapping[str, Sequence[Backend]] | None = None,
    ) -> list[Suspect]:
        """As the function; `backends` of the server by pid, `ghosts` by the pool they belong to."""
        pools = snapshot.pools
        scene = Scene(
            bounds=self._bounds,
            long_holders=self._long_holders,
            backends=backends or {},
            knots=deadlock.find(pools),
            crossings=crossing.find(pools),
            loops=snapshot.loops,
        )
        found: list[Suspect] = []
        for pool in pools.values():
            mine = list(self._of_pool(pool, scene))
            found += _with_forecast(pool, mine)
        for name, each in (ghosts or {}).items():
            found += (_ghost(name, backend, snapshot.at) for backend in each)
        found += self._memory.look(pools, found, snapshot.at)
        return sorted(found, key=_rank)

    def bounds(self, pool: PoolSnapshot, found: Iterable[Suspect]) -> dict[CallSite, float]:
        """Seconds of quiet that make a suspect of a pool, by call site; 2 µs for each.

        Where a line has suspects in `found`, whatever they are has to be seen coming back.
        """
        suspected = {each.call_site for each in found if each.pool == pool.name}
        bounds: dict[CallSite, float] = {}
        for site in pool.call_sites:
            limit = self._bounds.of(pool, site, exact=False)
            is_suspected = site.call_site in suspected
            bounds[site.call_site] = limit.seconds if is_suspected else limit.alone
        return bounds

    def _of_pool(self, pool: PoolSnapshot, scene: Scene) -> Iterator[Suspect]:
        view = View(pool, scene)
        least = FLOOR if self._leak_after is None else min(FLOOR, self._leak_after)
        for checkout in pool.open:
            if not _is_calm(checkout, least, view):
                suspect = judge(view, checkout)
                if suspect is not None:
                    yield suspect
        for lost in pool.recently_lost:
            yield _lost(view, lost)


def _is_calm(checkout: Checkout, least: float, view: View) -> bool:
    """Cheap: nothing can be said of most of what is out. `least` seconds of quiet are a bound."""
    if checkout.is_unreferenced or checkout.owner_ended_for is not None:
        return False
    if checkout.held_for < min(NESTED, least):
        return True
    quiet = max(checkout.quiet_for, checkout.in_statement or 0.0)
    return quiet <= least and not checkout.beside and not view.pool.waiting


def _lost(view: View, lost: Lost) -> Suspect:
    site = view.stats(lost.call_site)
    return Suspect(
        pool=view.pool.name,
        verdict="lost",
        certainty="proven",
        call_site=lost.call_site,
        stack=lost.stack,
        owner=lost.owner,
        request=lost.request,
        held_for=lost.held_for,
        usual=view.usual_at(site),
        evidence=evidence.lost(view.pool, lost),
        backend_pid=lost.backend_pid,
        since=lost.since,
        ended_at=lost.ended_at,
        connection=lost.connection,
    )


def _ghost(pool: str, backend: Backend, at: datetime) -> Suspect:
    age = backend.age or backend.since or 0.0
    nobody = f"no connection of {pool} has it"
    return Suspect(
        pool=pool,
        verdict="ghost",
        certainty="possible",
        call_site=_NOWHERE,
        stack=(),
        owner=UNKNOWN_OWNER,
        request=None,
        held_for=age,
        evidence=(
            f"the server has had backend {backend.pid} for {span(age)}, and {nobody}",
            *evidence.at_server(backend),
        ),
        backend_pid=backend.pid,
        since=at,
    )


def _with_forecast(pool: PoolSnapshot, found: list[Suspect]) -> list[Suspect]:
    """What a line loses is said of each of its suspects."""
    said: defaultdict[CallSite, tuple[str, ...]] = defaultdict(tuple)
    for drain in forecast.of(pool, found):
        if drain.suspects > 1:
            said[drain.call_site] = (drain.sentence,)
    return [
        replace(each, evidence=(*each.evidence, *said[each.call_site]))
        if forecast.is_loss(each)
        else each
        for each in found
    ]


def _rank(suspect: Suspect) -> tuple[bool, bool, int, float]:
    return (
        suspect.ended_at is not None,
        suspect.verdict in NOTES,
        CERTAINTIES.index(suspect.certainty),
        -suspect.held_for,
    )
