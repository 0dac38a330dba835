"""One pool as its judge sees it: checkouts beside what is known of their lines and owners."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..model.backends import Backend
from ..model.findings import Crossing, Knot, Suspect, Tie
from ..model.origin import CallSite
from ..model.snapshot import CallSiteStats, Checkout, LoopLag, PoolSnapshot, Waiter
from .bound import ENOUGH, Bound, Bounds
from .orphans import holder


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known around all pools. `backends` by pid, as the server sees them."""

    bounds: Bounds
    long_holders: tuple[str, ...] = ()
    backends: Mapping[int, Backend] = field(default_factory=dict)
    knots: tuple[Knot, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    loops: tuple[LoopLag, ...] = ()


class View:
    """One pool in its scene."""

    def __init__(self, pool: PoolSnapshot, scene: Scene) -> None:
        """`scene` is that of all pools."""
        self.pool = pool
        self.scene = scene
        self._sites = {site.call_site: site for site in pool.call_sites}
        self._by_number = {checkout.connection: checkout for checkout in pool.open}
        self._waits = {waiter.owner.ident: waiter for waiter in pool.waiting if waiter.owner.ident}
        #: By the number of the connection.
        self.ties: dict[int, tuple[Knot, Tie]] = {
            tie.connection: (knot, tie)
            for knot in scene.knots
            for tie in knot.ties
            if tie.holds == pool.name
        }
        self.crossings = {
            each.connection: each for each in scene.crossings if each.holds == pool.name
        }
        is_full = pool.max is not None and pool.used >= pool.max
        self.is_short = is_full and pool.pending_requests > 0

    def site(self, checkout: Checkout) -> CallSiteStats | None:
        """The statistics of its line."""
        return self._sites.get(checkout.call_site)

    def bound(self, checkout: Checkout, *, exact: bool = False) -> Bound:
        """How long its line may be quiet; `exact` before a suspect is raised."""
        return self.scene.bounds.of(self.pool, self.site(checkout), exact=exact)

    def usual(self, checkout: Checkout) -> float | None:
        """Seconds that its line usually holds for: the 95th percentile."""
        return self.usual_at(self.site(checkout))

    def stats(self, call_site: CallSite) -> CallSiteStats | None:
        """The statistics of a line."""
        return self._sites.get(call_site)

    def usual_at(self, site: CallSiteStats | None) -> float | None:
        """The same of a line."""
        if site is None or site.use_time.count < ENOUGH:
            return None
        return site.use_time.percentile(95)

    def quiet(self, checkout: Checkout) -> float:
        """Seconds that its owner could have used it and did not: not while its loop is blocked."""
        return max(0.0, checkout.quiet_for - self.late(checkout, checkout.quiet_for))

    def late(self, checkout: Checkout, seconds: float) -> float:
        """For how much of the last `seconds` the loop of its holder was blocked."""
        at = self.pool.at
        if holder(checkout).kind != "task" or at is None:
            return 0.0
        late = 0.0 if self.pool.blocked_by is None else self.pool.blocked_by.lag
        for loop in self.scene.loops:
            if not loop.is_blocked and self.pool.name in loop.pools:
                began = (at - loop.since).total_seconds()
                late += max(0.0, min(seconds, began) - max(0.0, began - loop.lag))
        return late

    def sees(self, checkout: Checkout) -> bool:
        """Whether its statements can be seen."""
        return self.pool.sees_statements or checkout.statements > 0

    def backend(self, checkout: Checkout) -> Backend | None:
        """What the database server says of it."""
        return checkout.backend or self.scene.backends.get(checkout.backend_pid or 0)

    def waits(self, owner: int) -> Waiter | None:
        """The place in this pool's queue of an owner, by its number."""
        return self._waits.get(owner)

    def beside(self, checkout: Checkout) -> Iterator[Checkout]:
        """What else its owner holds of this pool."""
        for number in checkout.beside:
            if number in self._by_number:
                yield self._by_number[number]

    def went_on(self, checkout: Checkout) -> bool:
        """Whether its owner took another one on the same line since."""
        return any(
            each.call_site == checkout.call_site and each.held_for < checkout.held_for
            for each in self.beside(checkout)
        )

    def suspect(
        self,
        checkout: Checkout,
        verdict: str,
        certainty: str,
        evidence: Iterable[str],
        bound: Bound | None = None,
    ) -> Suspect:
        """A verdict on a checkout."""
        return Suspect(
            pool=self.pool.name,
            verdict=verdict,
            certainty=certainty,
            call_site=checkout.call_site,
            stack=checkout.stack,
            now=checkout.now,
            owner=checkout.owner,
            request=checkout.request,
            held_for=checkout.held_for,
            usual=self.usual(checkout),
            evidence=tuple(evidence),
            backend_pid=checkout.backend_pid,
            since=checkout.since,
            connection=checkout.connection,
            quiet_for=checkout.quiet_for,
            bound=bound.seconds if bound is not None else None,
        )
