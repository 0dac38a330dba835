"""What speaks for a suspect, in sentences with figures."""

from collections.abc import Iterator

from ..model.backends import Backend
from ..model.snapshot import CallSiteStats, CameBack, Checkout, Lost, PoolSnapshot
from .bound import Bound
from .orphans import holder
from .sentences import plural, span


def beyond(checkout: Checkout, bound: Bound, *, sees_statements: bool) -> str:
    """How long it has been quiet, and what that is compared with."""
    word = "quiet" if sees_statements else "held"
    quiet = f"{word} for {span(checkout.quiet_for)}"
    if bound.is_fixed:
        return f"{quiet}, longer than leak_after ({span(bound.seconds)})"
    if bound.is_learned:
        none = f"{quiet}; of {bound.count:,} checkouts of this line none was {word} for longer than"
        if bound.hang is None:
            return f"{none} {span(bound.longest)}"
        return f"{none} {span(bound.longest)}, but for one ({span(bound.hang)})"
    if not bound.count:
        return f"{quiet}; no checkout of this line has come back yet"
    seen = f"only {plural(bound.count, 'checkout')} of this line came back"
    return f"{quiet}; {seen}, after {span(bound.longest)} at most"


def used(checkout: Checkout, *, sees_statements: bool) -> Iterator[str]:
    """Held against used."""
    if not sees_statements:
        return
    held = f"held for {span(checkout.held_for)}"
    if not checkout.statements:
        yield f"{held} without a statement"
        return
    many = (
        "its statement" if checkout.statements == 1 else f"its {checkout.statements:,} statements"
    )
    yield f"{held}; {many} took {span(checkout.busy_for)}"


def left(
    checkout: Checkout, ended: float | None = None, *, sees_statements: bool = True
) -> Iterator[str]:
    """That nobody has it: `ended` seconds ago its owner did."""
    owner = holder(checkout)
    if ended is not None:
        since = "and nobody used the connection since" if sees_statements else ""
        most = "" if checkout.owner_end_seen else "at most "
        yield f"its owner, {owner}, ended {most}{span(ended)} ago {since}".rstrip()
    elif not owner.is_alive and not checkout.handed_over:
        yield f"its owner, {owner}, has ended"


def whereabouts(checkout: Checkout, *, is_inside: bool | None) -> Iterator[str]:
    """Where its owner is, and what may need it without a statement."""
    function = checkout.call_site.function.rpartition(".")[2]
    if is_inside is False:
        yield f"its owner has left {function}, the function that took it"
    elif is_inside:
        yield f"its owner is still in {function}, the function that took it"
    if checkout.in_use_by:
        yield f"{checkout.in_use_by} may still need it"


def at_server(backend: Backend | None) -> Iterator[str]:
    """What the database server says."""
    if backend is not None and backend.state:
        since = "" if backend.since is None else f" for {span(backend.since)}"
        wait = f", waiting for {backend.wait}" if backend.wait else ""
        query = f": {backend.query}" if backend.query else ""
        yield f"the server has it {backend.state}{since}{wait}{query}"


def came_back(site: CallSiteStats | None) -> Iterator[str]:
    """What this line's suspects did before."""
    if site is not None and site.came_back:
        have = "has" if site.came_back == 1 else "have"
        yield f"{plural(site.came_back, 'suspect')} of this line {have} come back before"


def long_query(checkout: Checkout, usual: float | None) -> Iterator[str]:
    """It works, and takes its time."""
    if checkout.in_statement is not None:
        yield f"its statement has been running for {span(checkout.in_statement)}"
    else:
        yield f"held for {span(checkout.held_for)}, and its owner is inside the driver"
    if usual is not None:
        yield f"this line usually holds for {span(usual)} (95th percentile)"


def lost(pool: PoolSnapshot, gone: Lost) -> tuple[str, str]:
    """The garbage collector found it."""
    return (
        f"nobody returned it: the garbage collector found it after {span(gone.held_for)}",
        f"{pool.library} took the slot back by itself",
    )


def unreferenced(checkout: Checkout, pool: PoolSnapshot) -> Iterator[str]:
    """Nothing can return it any more."""
    yield "nothing refers to the connection any more"
    yield f"held for {span(checkout.held_for)}; {pool.library} has not taken the slot back"


def returned(back: CameBack) -> str:
    """It was a suspect."""
    return f"quiet for {span(back.quiet)}, beyond its bound of {span(back.bound)}, then returned"
