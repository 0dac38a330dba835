"""Births: tells of each pool whose constructor finished, whatever the order of imports.

The one place where a library is touched, and only while somebody listens: the constructors of its
pools, and of what owns a pool (an Engine, a ClientSession) because only the owner knows where the
pool leads. `Engine.__init__` and not an event: there is none for a new engine, and one of its
connections would cost something on every checkout.
"""

import contextlib
import functools
import importlib
import os
import sys
import threading
from collections.abc import Iterator
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple, Protocol

from ..model.origin import CallSite
from ._imports import Finder
from .frames import Locator
from .swap import probe_of


class Constructors(NamedTuple):
    """The classes, as `module:name`, from which every pool of a library and its owner come."""

    pool: str
    owner: str | None = None


#: A library that is not here has pools that have to be watched one by one.
LIBRARIES: Final = {
    "aiohttp": Constructors("aiohttp.connector:BaseConnector", "aiohttp.client:ClientSession"),
    "asyncpg": Constructors("asyncpg.pool:Pool"),
    "sqlalchemy": Constructors("sqlalchemy.pool.base:Pool", "sqlalchemy.engine.base:Engine"),
}

#: `warnings` does not count frames of such files: a library's `stacklevel` still names the caller.
_FILE: Final = "<pool-dashboard, seen by warnings as importlib._bootstrap>"
_SOURCE: Final = """\
def __init__({parameters}):
    with _pool_dashboard_birth({newborn}):
        return _pool_dashboard_plain.__get__({newborn}, type({newborn}))({arguments})
"""


class Listener(Protocol):
    """Who is told, in the thread that makes the pool; must be quick."""

    def born(self, newborn: object, made_at: CallSite) -> None:
        """The constructor of a pool or of its owner finished."""

    def broke(self, where: str, error: Exception) -> None:
        """We failed at `where`; the host was not touched."""


class Births:
    """The wrapped constructors of this process and those who listen."""

    def __init__(self) -> None:
        """Nothing is wrapped before somebody listens."""
        self.listeners: tuple[Listener, ...] = ()
        #: Objects whose constructors run, by identity: the outermost tells.
        self.under_way: set[int] = set()
        #: Class, our function and the one that it calls, in the order in which they came.
        self._wrapped: list[tuple[type, Any, Any]] = []
        self._finder = Finder(self.wrap)
        self.renew_lock()

    def renew_lock(self) -> None:
        """Never held while something is imported: importing takes locks of its own."""
        self._lock = threading.RLock()
        self.under_way.clear()

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every pool that is made from here on."""
        with self._lock:
            self.listeners = (*self.listeners, listener)
            self._finder.install(set(LIBRARIES))
        for library in LIBRARIES:
            if library in sys.modules:
                with contextlib.suppress(Exception):  # Not our import, not our failure.
                    importlib.import_module(library)  # Another thread may be half-way through.
                    self.wrap(library)
                    self._finder.found(library)

    def forget(self, listener: Listener) -> None:
        """The last one that leaves puts every constructor back."""
        with self._lock:
            self.listeners = tuple(each for each in self.listeners if each is not listener)
            if not self.listeners:
                self._finder.remove()
                self._unwrap()

    def wrap(self, library: str) -> None:
        """Wrap the constructors of a library that is imported; a failure is told to all."""
        try:
            with self._lock:
                if self.listeners:
                    family = Family(library, LIBRARIES[library])
                    for kind in family.kinds():
                        self._wrap(kind, family)
        except Exception as error:
            self.broke(f"wrapping {library}", error)

    def _wrap(self, kind: type, family: "Family") -> None:
        plain = vars(kind)["__init__"]
        if any(plain is ours for _, ours, _ in self._wrapped):
            return
        ours = _shaped(plain, functools.partial(Birth, self, family))
        self._wrapped.append((kind, ours, plain))
        type.__setattr__(kind, "__init__", ours)

    def _unwrap(self) -> None:
        """One that another party wrapped since stays inside of it and only passes through."""
        kept = []
        for kind, ours, plain in reversed(self._wrapped):
            if vars(kind).get("__init__") is ours:
                type.__setattr__(kind, "__init__", plain)
            else:
                kept.append((kind, ours, plain))
        self._wrapped = kept[::-1]

    def broke(self, where: str, error: Exception) -> None:
        """Every listener counts it."""
        for listener in self.listeners:
            listener.broke(where, error)


class Family:
    """The classes of one library, resolved."""

    def __init__(self, library: str, names: Constructors) -> None:
        """AttributeError for a version of the library that has no such class."""
        self._library = library
        self._pool = _class(names.pool)
        self._owner = _class(names.owner) if names.owner is not None else None

    def kinds(self) -> Iterator[type]:
        """The library's own classes that have a constructor.

        A class of the application calls one of these, at whose end the pool is complete as far
        as the library is concerned.
        """
        found = {self._pool: None} | ({} if self._owner is None else {self._owner: None})
        ahead = [self._pool]
        while ahead:
            heirs: list[type] = type.__subclasses__(ahead.pop())
            ahead += heirs
            found |= {heir: None for heir in heirs if self._is_own(heir.__module__)}
        return (kind for kind in found if "__init__" in vars(kind))

    def _is_own(self, module: str) -> bool:
        return module.partition(".")[0] == self._library

    def is_told(self, newborn: object, maker: FrameType | None) -> bool:
        """Whether nobody else tells of it.

        A watched pool's probe follows it when it is recreated; and of a pool that the library
        makes itself (`create_engine`, `ClientSession()`) its owner tells a moment later.
        """
        if maker is None or not isinstance(newborn, self._pool):
            return True
        if maker.f_code.co_name == "recreate":
            before = _first(maker)
            if isinstance(before, self._pool):
                return probe_of(before) is None
        return self._owner is None or not self._is_own(maker.f_globals.get("__name__") or "")


class Birth:
    """Around a constructor; never raises."""

    __slots__ = ("_births", "_family", "_is_outermost", "_newborn")

    def __init__(self, births: Births, family: Family, newborn: object) -> None:
        """`newborn` is kept for as long as its constructor runs."""
        self._births = births
        self._family = family
        self._newborn = newborn

    def __enter__(self) -> None:
        """The constructor begins."""
        under_way = self._births.under_way
        self._is_outermost = id(self._newborn) not in under_way
        under_way.add(id(self._newborn))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """The constructor ended; one that failed made nothing."""
        if not self._is_outermost:
            return
        births = self._births
        births.under_way.discard(id(self._newborn))
        if kind is not None or not births.listeners:
            return
        try:
            maker = _maker(self._newborn, sys._getframe(1))
            if self._family.is_told(self._newborn, maker):
                made_at = _place(maker)
                for listener in births.listeners:
                    listener.born(self._newborn, made_at)
        except Exception as error:
            births.broke("birth", error)


def _shaped(plain: Any, birth: Any) -> Any:
    """A function around `plain` with the same parameters in its code.

    SQLAlchemy reads the options of `create_engine` there (`get_cls_kwargs`), so that `*args` would
    take them away.
    """
    parameters, arguments, newborn = _spelled(getattr(plain, "__code__", None))
    source = _SOURCE.format(parameters=parameters, arguments=arguments, newborn=newborn)
    names: dict[str, Any] = {
        "__name__": getattr(plain, "__module__", None) or __name__,
        "_pool_dashboard_birth": birth,
        "_pool_dashboard_plain": plain,
    }
    exec(compile(source, _FILE, "exec"), names)  # noqa: S102 -- only names of parameters go in
    ours = names["__init__"]
    ours.__defaults__ = getattr(plain, "__defaults__", None)
    ours.__kwdefaults__ = getattr(plain, "__kwdefaults__", None)
    return functools.update_wrapper(ours, plain)


def _spelled(code: CodeType | None) -> tuple[str, str, str]:
    """Parameters, the arguments after the first that hand them on, and the first."""
    if code is None or not code.co_argcount:
        return "self, /, *args, **kwargs", "*args, **kwargs", "self"
    names = list(code.co_varnames)
    count, only = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    parameters, arguments = names[:count], names[1:count]
    if code.co_posonlyargcount:
        parameters.insert(code.co_posonlyargcount, "/")
    if code.co_flags & CO_VARARGS:
        parameters.append(f"*{names[only]}")
        arguments.append(f"*{names[only]}")
    elif code.co_kwonlyargcount:
        parameters.append("*")
    parameters += names[count:only]
    arguments += [f"{name}={name}" for name in names[count:only]]
    if code.co_flags & CO_VARKEYWORDS:
        rest = names[only + bool(code.co_flags & CO_VARARGS)]
        parameters.append(f"**{rest}")
        arguments.append(f"**{rest}")
    return ", ".join(parameters), ", ".join(arguments), names[0]


def _class(name: str) -> type:
    module, _, attribute = name.partition(":")
    found: type = getattr(sys.modules[module], attribute)
    return found


def _first(frame: FrameType) -> object:
    """What a method's frame was called on."""
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None


def _maker(newborn: object, frame: FrameType | None) -> FrameType | None:
    """Who called the constructor: the first frame that is no constructor of the same object."""
    while frame is not None and frame.f_code.co_name == "__init__" and _first(frame) is newborn:
        frame = frame.f_back
    return frame


def _place(maker: FrameType | None) -> CallSite:
    """The application's line from which it was made."""
    if maker is None:
        return CallSite("", 0, "(library)")
    site = Locator()._walk(maker)
    return CallSite(site.file, site.line, site.function)


#: One for all dashboards of this process.
BIRTHS: Final = Births()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=BIRTHS.renew_lock)
