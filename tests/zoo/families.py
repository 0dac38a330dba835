"""Every program of the zoo, from every family."""

from . import (
    forgotten,
    forgotten_async,
    forgotten_asyncpg,
    forgotten_http,
    forgotten_later,
    handed_on,
    healthy_async,
    healthy_asyncpg,
    healthy_busy,
    healthy_http,
    healthy_sync,
    healthy_web,
    waiting,
)
from .programs import PROGRAMS

__all__ = [
    "PROGRAMS",
    "forgotten",
    "forgotten_async",
    "forgotten_asyncpg",
    "forgotten_http",
    "forgotten_later",
    "handed_on",
    "healthy_async",
    "healthy_asyncpg",
    "healthy_busy",
    "healthy_http",
    "healthy_sync",
    "healthy_web",
    "waiting",
]
