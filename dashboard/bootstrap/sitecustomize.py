"""First on the import path of every Python process of `pool-dashboard run`.

Begins to watch when the process imports a library that has pools, so that others pay nothing; and
hands on to the `sitecustomize` that would have been found without it.
"""  # noqa: INP001 -- a folder for the import path, no package

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Waiting:
    """Sees the first import of one of `libraries`, and is out of the way afterwards."""

    def __init__(self, libraries: Sequence[str], then: str) -> None:
        self._libraries = frozenset(libraries)
        self._then = then

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._libraries:
            return None
        self._libraries = frozenset()
        _start(self._then)
        # Whoever asks us has begun to go through this list: what was put into it is not asked.
        for finder in list(sys.meta_path):
            if finder is not self and (find := getattr(finder, "find_spec", None)) is not None:
                spec: ModuleSpec | None = find(name, path, target)
                if spec is not None:
                    return spec
        return None


def _start(name: str) -> None:
    try:
        importlib.import_module(name).start()
    except ImportError as error:
        words = f"pool-dashboard: {sys.executable} has no {error.name}: its pools are not watched"
        print(words, file=sys.stderr)  # noqa: T201
    except Exception as error:  # noqa: BLE001 -- the process goes on as it would without us
        kind = type(error).__name__
        print(f"pool-dashboard: not watching: {kind}: {error}", file=sys.stderr)  # noqa: T201


def _wait() -> None:
    libraries = os.environ.get("POOL_DASHBOARD_LIBRARIES", "").split()
    then = os.environ.get("POOL_DASHBOARD_RUN", "")
    is_disabled = os.environ.get("POOL_DASHBOARD_DISABLED", "0") not in {"", "0"}
    if libraries and then and not is_disabled:
        sys.meta_path.insert(0, _Waiting(libraries, then))


def _hand_on() -> None:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 -- light
    sys.path[:] = [each for each in sys.path if os.path.abspath(each) != here]  # noqa: PTH100
    ours = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = ours


_wait()
_hand_on()
