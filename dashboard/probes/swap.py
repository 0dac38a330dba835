"""Swaps the class of one object and puts it back: the one way in which a pool is touched.

The object keeps its identity and `obj.__class__` answers the original class (libraries build new
pools from it, and some assert it); only `type(obj)` tells.
"""

from types import new_class
from typing import Any, Final

_set_class: Final = object.__dict__["__class__"].__set__

#: Found on the type of a watched object: the probe that watches it.
MARK: Final = "_pool_dashboard_probe"


def swap(obj: Any, probe: object, **overrides: Any) -> None:
    """Give `obj` a subclass of its class with `overrides`; its layout stays the same."""
    original = type(obj)

    def fill(namespace: dict[str, Any]) -> None:
        namespace.update(
            __slots__=(),
            __module__=original.__module__,
            __qualname__=original.__qualname__,
            __doc__=original.__doc__,
            __class__=property(lambda _: original),
            **overrides,
        )
        namespace[MARK] = probe

    _set_class(obj, new_class(original.__name__, (original,), exec_body=fill))


def restore(obj: Any) -> None:
    """Give `obj` its own class back; an object that was not swapped stays as it is."""
    if MARK in vars(type(obj)):
        _set_class(obj, type(obj).__bases__[0])


def probe_of(obj: Any) -> Any:
    """The probe that watches `obj`, None if none does."""
    return vars(type(obj)).get(MARK)
