"""StaticPool: many fairies of one record, of which the pool sees only the last return."""

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.pool import Pool
from sqlalchemy.pool.base import _ConnectionFairy

from ..model.claim import PHASES, REF, Claim
from .swap import set_class, subclass

if TYPE_CHECKING:
    from .sqlalchemy import Probe


class Fairies:
    """The fairies of one StaticPool, each a lease of its own."""

    def __init__(self, probe: "Probe") -> None:
        """None is out."""
        self._probe = probe
        self._out: set[int] = set()
        self._kind = self._watched()
        #: The number of the pool's record; at a checkout a new one may take its place.
        self._number = 0

    def follow(self, fairy: Any) -> Callable[[], object | None]:
        """From here on its return is told; answers a reference to it."""
        lease, before = id(fairy), self._number
        self._number = id(fairy._connection_record)
        if before not in {0, self._number}:
            self._replaced(before)
        set_class(fairy, self._kind)
        self._out.add(lease)
        return weakref.ref(fairy, lambda _: self.give_back(lease))

    def _replaced(self, number: int) -> None:
        """The pool dropped its record for another; softly invalidated ones are not closed."""
        if self._probe.events.has_open(number):
            self._probe.tap.sink.closed(number, "stale")
        else:
            self._probe.tap.sink.dropped(number)

    def give_back(self, lease: int) -> None:
        """Also called by the garbage collector; only the first time counts."""
        try:
            if lease in self._out:
                self._out.discard(lease)
                self._probe.tap.sink.returned(lease)
        except Exception as error:
            self._probe.broke("return", error)

    def _watched(self) -> type:
        plain_checkin, plain_detach = _ConnectionFairy._checkin, _ConnectionFairy.detach

        def _checkin(fairy: Any, transaction_was_reset: bool = False) -> None:  # noqa: FBT001, FBT002
            try:
                plain_checkin(fairy, transaction_was_reset)
            finally:
                self.give_back(id(fairy))

        def detach(fairy: Any) -> None:
            self.give_back(id(fairy))
            plain_detach(fairy)

        return subclass(_ConnectionFairy, _checkin=_checkin, detach=detach)


def connect_static(
    probe: "Probe", kind: type[Pool], asked: Callable[["Probe"], Claim]
) -> Callable[[Pool], Any]:
    """`connect`; `asked` opens a claim."""
    plain, fairies = kind.connect, probe.fairies

    def take(claim: Claim, fairy: Any) -> None:
        record = fairy._connection_record
        claim[REF] = fairies.follow(fairy)
        claim[PHASES] = probe.phases_of(id(record))
        probe.tap.sink.got(claim, id(fairy), id(record))

    def connect(self: Pool) -> Any:
        claim = asked(probe)
        try:
            fairy: Any = plain(self)
        except BaseException as error:
            probe.failed(claim, error)
            raise
        try:
            take(claim, fairy)
        except Exception as error:
            probe.broke("connect", error)
        return fairy

    return connect


def return_static(probe: "Probe", kind: type[Pool]) -> Callable[[Pool, Any], None]:
    """The pool is not told of returns, but of a fairy that is detached."""
    plain = kind._do_return_conn

    def _do_return_conn(self: Pool, record: Any) -> None:
        if record.dbapi_connection is None:
            probe.emptied(self, record)
        plain(self, record)

    return _do_return_conn
