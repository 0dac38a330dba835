"""Sites and owners as plain data."""

from ..model.claim import Frame, LiveOwner
from ..model.origin import CallSite, Owner
from ..model.snapshot import StackFrame


def call_site(site: Frame) -> CallSite:
    """A site as plain data."""
    return CallSite(site.file, site.line, site.function)


def stack(site: Frame) -> tuple[StackFrame, ...]:
    """The stack that was seen when the site was met first."""
    return tuple(StackFrame(*frame) for frame in site.stack)


def owner(live: LiveOwner) -> Owner:
    """An owner as plain data."""
    return Owner(live.kind, live.name, live.ident, live.is_alive())
