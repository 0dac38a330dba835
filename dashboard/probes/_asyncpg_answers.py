"""What an asyncpg pool and its probe answer when somebody looks, off the host's path."""

import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from . import _asyncpg_facts as read
from ._asyncpg_statements import Statements

#: Where a pool's own class keeps the pool.
SELF: Final = "_pool_dashboard_pool"


class Answers:
    """Half of a probe; the other half is told what happens."""

    _class: "weakref.ref[Any]"
    _settings: Mapping[str, object]
    _limits: tuple[int, int, int]
    _reaches: dict[int, read.Reach]
    statements: Statements

    @property
    def is_gone(self) -> bool:
        """Whether the pool was collected."""
        return self._class() is None

    @property
    def pool(self) -> Any:
        """The pool, None when it is gone or no longer watched."""
        kind = self._class()
        return None if kind is None else vars(kind).get(SELF)

    def settings(self) -> Mapping[str, object]:
        """Options of `create_pool` and `connect`, as they are in force; functions by name."""
        pool = self.pool
        return self._settings if pool is None else read.settings_of(pool)

    def limits(self) -> tuple[int | None, int | None, int | None]:
        """`max_size` twice, and `min_size`, below which the pool does not shrink."""
        return self._limits

    def loops(self) -> tuple[Any, ...]:
        """The event loop that the pool belongs to, once it has one."""
        loop = getattr(self.pool, "_loop", None)
        return () if loop is None else (loop,)

    def own_counts(self) -> tuple[int, int] | None:
        """By `get_size()` and `get_idle_size()`, which look at each holder."""
        pool = self.pool
        try:
            idle = pool.get_idle_size() if pool is not None else 0
            return (pool.get_size() - idle, idle) if pool is not None else (0, 0)
        except AttributeError:  # Asked in another thread, just when a connection went.
            return None

    @property
    def sees_statements(self) -> bool:
        """Whether what runs on a connection can be told."""
        return self.statements.is_seeing

    def in_use_by(self, lease: int) -> str:
        """`listeners`, `a COPY`, `a cursor`, or `a statement` that began before the watch."""
        pool, reach = self.pool, self._reaches.get(lease)
        if pool is None or reach is None:
            return ""
        with suppress(AttributeError):  # It came back just now.
            return self.statements.kept_by(reach.holder(pool))
        return ""
