"""Tells when a library was imported for the first time; the import itself stays as it is."""

import contextlib
import sys
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class Finder:
    """First on `sys.meta_path` while a library may still be imported.

    Others find the module and load it; its loader tells when the module was executed.
    """

    def __init__(self, on_import: Callable[[str], None]) -> None:
        """`on_import` is called with the name of a library that has just been executed."""
        self._on_import = on_import
        self._awaited: set[str] = set()
        #: What is being looked for, by thread: a finder may ask all others, as this one does.
        self._asked: set[tuple[int, str]] = set()

    def install(self, names: set[str]) -> None:
        """Wait for these."""
        self._awaited = names
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def found(self, name: str) -> None:
        """It is imported; the last one makes this finder superfluous."""
        self._awaited.discard(name)
        if not self._awaited:
            self.remove()

    def remove(self) -> None:
        """Wait for nothing more."""
        self._awaited = set()
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """What the other finders find."""
        key = threading.get_ident(), name
        if name not in self._awaited or key in self._asked:
            return None
        self._asked.add(key)
        try:
            for finder in tuple(sys.meta_path):
                if finder is not self and hasattr(finder, "find_spec"):
                    spec = finder.find_spec(name, path, target)
                    if spec is not None:
                        self._follow(name, spec.loader)
                        return spec
            return None
        finally:
            self._asked.discard(key)

    def _follow(self, name: str, loader: Any) -> None:
        """The loader stays itself; a class that serves as loader is shared by all and left so."""
        plain = getattr(loader, "exec_module", None)
        if plain is None or isinstance(loader, type):
            return

        def exec_module(module: ModuleType) -> None:
            is_ours = getattr(module, "__name__", None) == name  # A zip's loader serves others too.
            if is_ours and vars(loader).get("exec_module") is exec_module:
                del loader.exec_module
            plain(module)
            if is_ours and name in self._awaited:
                self._on_import(name)
                self.found(name)

        with contextlib.suppress(AttributeError, TypeError):  # A loader without room.
            loader.exec_module = exec_module
