"""Suspects, look by look; and the bounds of their lines, handed to the records that count."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from .analysis.suspects import Detector, find
from .model.backends import Backend
from .model.findings import Suspect
from .model.origin import CallSite
from .model.snapshot import Snapshot
from .probes.frames import SITES
from .recorder.plain import call_site
from .watching import Watches

#: Seconds for which a record keeps the bounds that it was told, while its pool has no suspect.
_FRESH: Final = 5.0


class Suspecting:
    """Judges the pools of one dashboard; in any thread."""

    def __init__(
        self, watches: Watches, leak_after: float | None, long_holders: tuple[str, ...] = ()
    ) -> None:
        """`leak_after` in seconds, `long_holders` as in `Dashboard`."""
        self._watches = watches
        self._leak_after = leak_after
        self._long_holders = long_holders
        self._detector = Detector(leak_after, long_holders)
        self._told_at = float("-inf")
        self._numbers: Mapping[CallSite, Sequence[int]] = {}
        self._numbered = 0

    def find(
        self,
        snapshot: Snapshot,
        backends: Mapping[int, Backend] | None = None,
        ghosts: Mapping[str, Sequence[Backend]] | None = None,
    ) -> list[Suspect]:
        """Of all pools, the most certain first. `backends` by pid, `ghosts` by pool."""
        found = self._detector.find(snapshot, backends, ghosts)
        self._tell(snapshot, found)
        return found

    def frozen(self, snapshot: Snapshot) -> list[Suspect]:
        """Those in a picture of the past: nothing is remembered of it."""
        return find(snapshot, self._leak_after, self._long_holders)

    def _tell(self, snapshot: Snapshot, found: Sequence[Suspect]) -> None:
        """What was a suspect and comes back is counted by its record, which needs the bounds."""
        now = self._watches.clock()
        is_due = now - self._told_at >= _FRESH
        named = {suspect.pool for suspect in found}
        pools = {name: p for name, p in snapshot.pools.items() if is_due or name in named}
        if not pools:
            return
        if is_due:
            self._told_at = now
        numbers = self._numbers_of_sites()
        for _, record in self._watches.records():
            pool = pools.get(record.name)
            if pool is not None:
                bounds = self._detector.bounds(pool, found)
                record.bounds = {
                    number: bound
                    for site, bound in bounds.items()
                    for number in numbers.get(site, ())
                }

    def _numbers_of_sites(self) -> Mapping[CallSite, Sequence[int]]:
        """A line has several numbers if its module was loaded again."""
        if self._numbered != len(SITES):
            numbers: defaultdict[CallSite, list[int]] = defaultdict(list)
            known = list(SITES.values())
            for site in known:
                numbers[call_site(site)].append(site.index)
            self._numbers, self._numbered = dict(numbers), len(known)
        return self._numbers
