"""Objects by name, as `module:attribute`: what a command is to look at lies in the user's code."""

import importlib
import pkgutil
import sys
import traceback
from pathlib import Path
from types import ModuleType

from .model.errors import DashboardError
from .probes.frames import APPLICATION, kind_of, shown
from .settings import near, said


def resolve(target: str) -> object:
    """The object, imported if need be; DashboardError says which part of the name is wrong."""
    name, colon, attribute = target.strip().partition(":")
    if not colon or not _is_dotted(name) or not _is_dotted(attribute):
        words = "an object is named module:attribute, as in shop.db:engine"
        raise DashboardError(f"{words}, not {target!r}")
    found: object = _module(name)
    place = name
    for part in attribute.split("."):
        if not hasattr(found, part):
            hint = near(part, dir(found), lists=False)
            raise DashboardError(f"{place} has no {part}{hint}")
        found = getattr(found, part)
        place = f"{place}:{part}" if place == name else f"{place}.{part}"
    return found


def find_in(*directories: Path) -> None:
    """Look for modules in these first: a command that was installed does not look where it is."""
    for each in reversed(directories):
        path = str(each.resolve())
        if path not in sys.path:
            sys.path.insert(0, path)


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _broken(name, error) from error
        raise DashboardError(_missing(error.name)) from error
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from error


def _missing(name: str) -> str:
    parent, _, last = name.rpartition(".")
    if not parent:
        hint = near(name, (each.name for each in pkgutil.iter_modules(sys.path[:2])), lists=False)
        return f"there is no module {name}{hint or '; run the command where it can be imported'}"
    if not hasattr(sys.modules[parent], "__path__"):
        return f"{parent} is a module and no package, so it has no {last}"
    known = (each.name for each in pkgutil.iter_modules(sys.modules[parent].__path__))
    return f"{parent} has no module {last}{near(last, known, lists=False)}"


def _broken(name: str, error: BaseException) -> DashboardError:
    """The user's own code failed while it was imported."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if kind_of(each.filename) == APPLICATION]
    place = f" at {shown(own[-1].filename)}:{own[-1].lineno}" if own else ""
    return DashboardError(f"importing {name} failed{place}: {said(error)}")
