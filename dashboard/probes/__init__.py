"""Probes: one file a library, named after its import name.

A probe module has `LIBRARY`, `pool_of(target)` (the pool object that is hooked, None for what is
not its own) and `attach(target, sink)`, which answers a `Probe`. A library that was never imported
has no pools, so its probe is not imported either.
"""

import functools
import importlib
import pkgutil
import sys
from types import ModuleType
from typing import Final, Protocol

from ..model.errors import DashboardError
from ..model.ports import Facts, Sink
from .sinks import Tee
from .swap import probe_of
from .tap import Tap

#: Modules of this package that are no probes.
_SHARED: Final = {
    "emitter",
    "frames",
    "loops",
    "moments",
    "owners",
    "sentry",
    "sinks",
    "stacks",
    "swap",
    "tap",
}


class Probe(Facts, Protocol):
    """One watched pool."""

    tap: Tap

    @property
    def is_gone(self) -> bool:
        """Whether the pool was collected."""

    def point_at(self, sink: Sink) -> None:
        """From here on everything goes to `sink`."""

    def adopt(self, sink: Sink) -> None:
        """Tell `sink` of every connection that there is: it is new, or the process forked."""

    def detach(self) -> None:
        """Put the pool back as it was."""


@functools.cache
def libraries() -> tuple[str, ...]:
    """The libraries that can be watched, whether installed or not."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(each for each in names if each not in _SHARED and each[0] != "_"))


def module_for(target: object) -> ModuleType:
    """The probe module of a pool; DashboardError if there is none."""
    unusable: ImportError | None = None
    for name in libraries():
        if name not in sys.modules:
            continue
        try:
            module = importlib.import_module(f".{name}", __name__)
        except ImportError as error:  # A version that is too old must not hide the others.
            unusable = error
        else:
            if module.pool_of(target) is not None:
                return module
    kind = type(target)
    named = f"{str(kind.__module__).partition('.')[0]}.{kind.__qualname__}"
    msg = f"no probe for {named}; supported: {', '.join(libraries())}"
    raise DashboardError(msg if unusable is None else f"{msg} ({unusable})") from unusable


class Tapped:
    """A watched pool and its sinks: several dashboards share one probe."""

    def __init__(self, probe: Probe, sinks: list[Sink]) -> None:
        """`sinks` in the order in which they came."""
        self.probe = probe
        self.sinks = sinks

    def add(self, sink: Sink) -> None:
        """One sink more: it begins with what is out at the moment."""
        self.sinks.append(sink)
        if len(self.sinks) == 2:
            # For good: a claim that waits while sinks come and go must find its own.
            self.probe.point_at(Tee(self.sinks))
        # Last: what is taken or returned meanwhile is told, not missed.
        self.probe.adopt(sink)

    def remove(self, sink: Sink) -> bool:
        """One sink less; True when it was the last and the pool is as it was."""
        if self.sinks == [sink]:
            self.probe.detach()
            # Calls that are under way still end: nobody is told.
            self.probe.tap.sink = Tee(self.sinks)
        if sink in self.sinks:
            self.sinks.remove(sink)
        return not self.sinks


def tap(target: object, sink: Sink) -> Tapped:
    """Watch a pool, or add `sink` to the watch that there is."""
    module = module_for(target)
    probe = probe_of(module.pool_of(target))
    if probe is not None:
        tapped: Tapped = probe.tapped
        tapped.add(sink)
        return tapped
    probe = module.attach(target, sink)
    tapped = probe.tapped = Tapped(probe, [sink])
    return tapped
