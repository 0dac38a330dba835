"""Swaps the class of one object and puts it back: the one way in which a pool is touched.

The object keeps its identity and `obj.__class__` answers the original class (libraries build new
pools from it, and some assert it); only `type(obj)` tells.
"""

from types import new_class
from typing import Any, Final

_set_class: Final = object.__dict__["__class__"].__set__

#: Found on the type of a watched object: the probe that watches it.
MARK: Final = "_pool_dashboard_probe"

#: More names than the keys that objects share have room for (42 in CPython 3.11 to 3.13).
_FILLING: Final = dict.fromkeys(f"{MARK}_{number}" for number in range(64))


def swap(obj: Any, probe: object, **overrides: Any) -> None:
    """Give `obj` a subclass of its class with `overrides`; its layout stays the same.

    In one step, also when it was swapped before: no call of another thread goes unseen.
    """
    ours = _ours(type(obj))
    if ours is None:
        set_class(obj, subclass(type(obj), **{MARK: probe}, **overrides))
        unshare(obj)
    elif ours is type(obj):
        set_class(obj, subclass(ours.__bases__[0], **{MARK: probe}, **overrides))
    else:  # Somebody else's class lies over ours, and stays.
        for name, value in overrides.items():
            setattr(ours, name, value)


def subclass(original: type, **overrides: Any) -> type:
    """A class that passes for `original`."""

    def reduce(self: Any, protocol: Any) -> Any:
        """Copies and pickles are of the original class."""
        plain: Any = original.__reduce_ex__
        made = plain(self, protocol)
        if not isinstance(made, tuple):
            return made
        call, args, *rest = made
        return (call, tuple(original if each is type(self) else each for each in args), *rest)

    def fill(namespace: dict[str, Any]) -> None:
        namespace.update(
            __slots__=(),
            __module__=original.__module__,
            __qualname__=original.__qualname__,
            __doc__=original.__doc__,
            # Whoever else swaps the class by assignment finds it assignable.
            __class__=property(lambda _: original, _set_class),
            __reduce_ex__=reduce,
            **overrides,
        )

    return new_class(original.__name__, (original,), exec_body=fill)


def set_class(obj: Any, kind: type) -> None:
    """As `obj.__class__ = kind`, past the property that answers the original."""
    _set_class(obj, kind)


def unshare(obj: Any) -> None:
    """Make its attributes quick to read again: 2,900 instructions for a SQLAlchemy checkout.

    An object that changed its class keeps its attributes in a dict that shares the keys with those
    of other objects, and CPython (3.11 to 3.13) never specialises reads of such a dict. One that
    had to grow shares nothing.
    """
    attributes = getattr(obj, "__dict__", None)
    if type(attributes) is dict:
        attributes.update(_FILLING)
        for name in _FILLING:
            del attributes[name]


def restore(obj: Any) -> None:
    """Give `obj` its own class back; an object that was not swapped stays as it is.

    Where somebody else's class lies over ours, ours is left empty: calls pass through.
    """
    ours = _ours(type(obj))
    if ours is type(obj):
        set_class(obj, ours.__bases__[0])
    elif ours is not None:
        for name in [*vars(ours)]:
            if name == MARK or not name.startswith("__"):
                delattr(ours, name)


def probe_of(obj: Any) -> Any:
    """The probe that watches `obj`, None if none does."""
    return getattr(type(obj), MARK, None)


def _ours(kind: type) -> type | None:
    return next((each for each in kind.__mro__ if MARK in vars(each)), None)
