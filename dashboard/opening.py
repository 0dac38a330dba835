"""Pools by their settings: imported, called for, or opened; nothing is connected here."""

import inspect
from typing import Any

from .importing import resolve
from .model.errors import DashboardError
from .probes import module_for
from .probes._opening import Opener, opener, opener_of
from .settings import PoolSettings, redacted


class Origin:
    """Where one configured pool comes from."""

    def __init__(self, settings: PoolSettings) -> None:
        """Imports what it names; DashboardError if it cannot be had."""
        self.settings = settings
        self._found: Any = None
        self._options: dict[str, Any] = {}
        if settings.target:
            try:
                self._found = resolve(settings.target)
            except DashboardError as error:
                raise self.wrong(str(error)) from error
        else:
            self._options = {name: self._object(name) for name in settings.options}

    def wrong(self, what: str, key: str = "") -> DashboardError:
        """An error of this pool, without its secrets, with the place of a key."""
        said = redacted(what, self.settings.secrets)
        place = self.settings.places.get(key, self.settings.place)
        return DashboardError(f"{place}: {said}")

    def _object(self, option: str) -> object:
        value = self.settings.options[option]
        is_named = option in self.settings.objects and isinstance(value, str) and ":" in value
        if not (is_named and isinstance(value, str)):
            return value
        try:
            return resolve(value)
        except DashboardError as error:
            raise self.wrong(str(error), option) from error

    @property
    def is_async(self) -> bool:
        """Whether it comes from a function that has to be awaited."""
        return not self.is_at_hand and inspect.iscoroutinefunction(self._found)

    @property
    def is_at_hand(self) -> bool:
        """Whether the pool is made without calling the user's code."""
        return not self.settings.target or is_pool(self._found) or not callable(self._found)

    @property
    def is_renewable(self) -> bool:
        """Whether there can be another pool in the place of one that failed."""
        return not self.settings.target or not self.is_at_hand

    def make(self) -> object:
        """The pool, if it is at hand."""
        if self.settings.target:
            return self._checked(self._found)
        try:
            made = opener(self.settings.library).open_pool(self.settings.url, self._options)
        except ValueError as error:
            raise self.wrong(f"[pools.{self.settings.name}] {error}") from error
        return made

    async def called(self) -> object:
        """The pool that the user's function makes; what that raises is the user's."""
        made = self._call()
        if not is_pool(made) and inspect.isawaitable(made):
            made = await made
        return self._checked(made)

    def unconnected(self) -> object:
        """The pool at hand, or called for without waiting for anything."""
        return self.make() if self.is_at_hand else self._checked(self._call(is_async=False))

    def _call(self, *, is_async: bool = True) -> object:
        try:
            return called(self._found, is_async=is_async)
        except DashboardError as error:
            raise self.wrong(f"{self.settings.target} {error}") from error

    @staticmethod
    def opener_of(pool: object) -> Opener:
        """What can start, ask and close it."""
        return opener_of(pool)

    def _checked(self, made: object) -> object:
        try:
            module_for(made)
        except DashboardError as error:
            raise self.wrong(f"{self.settings.target} is no pool: {error}") from error
        return made


def called(found: object, *, is_async: bool) -> Any:
    """What a function without arguments answers; anything else is answered as it is.

    With `is_async` also what it answers may have to be awaited.
    """
    if is_pool(found) or not callable(found):
        return found
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError):
        raise DashboardError("wants arguments; name a function without") from None
    if not is_async and inspect.iscoroutinefunction(found):
        raise DashboardError("is async, so it would connect; name a pool, or a plain function")
    return found()


def is_pool(found: object) -> bool:
    """Whether it can be watched."""
    try:
        module_for(found)
    except DashboardError:
        return False
    return True
