"""One class of ours for many objects of one class: connections come and go."""

from collections.abc import Callable
from typing import Any

from .swap import MARK, probe_of, restore, set_class, subclass


class Classes:
    """Ours, by the class that each stands for."""

    def __init__(self, whose: object, overrides: Callable[[Any], dict[str, Any]]) -> None:
        """`overrides` answers the methods of ours for a class of the library."""
        self._whose = whose
        self._overrides = overrides
        self._ours: dict[type, type] = {}
        #: Whether no object refused: some versions' classes cannot be changed.
        self.is_able = True

    def give(self, obj: Any) -> None:
        """From here on `obj` does what ours does; one that is somebody else's stays so."""
        if probe_of(obj) is not None:
            return
        kind = type(obj)
        try:
            if kind not in self._ours:
                mark = {MARK: self._whose}
                self._ours[kind] = subclass(kind, **mark, **self._overrides(kind))
            set_class(obj, self._ours[kind])
        except (AttributeError, TypeError):
            self.is_able = False

    def take_back(self, obj: Any, *attributes: str) -> None:
        """Restore the class and remove attributes that we set."""
        if obj is not None and probe_of(obj) is self._whose:
            restore(obj)
            for name in attributes:
                vars(obj).pop(name, None)
