"""The settings of a pool: value, what it means, what it does now."""

from __future__ import annotations

from dataclasses import dataclass

from ..model.snapshot import PoolSnapshot
from .effects import effect_of
from .explain import text_of
from .format import setting
from .shapes import settings


@dataclass(frozen=True, slots=True)
class Option:
    """A setting beside what it does."""

    name: str
    value: str
    text: str
    effect: str


def options_of(pool: PoolSnapshot) -> list[Option]:
    """All settings as they are in force; secrets are hidden."""
    return [
        Option(name, setting(value), text_of(name, pool.library), effect_of(name, pool))
        for name, value in settings(pool.config).items()
    ]
