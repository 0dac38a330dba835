"""The moment that an address freezes: `at=2026-11-22T13:45:01Z`, or UNIX seconds."""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

#: How far another clock may be ahead of this one, in seconds.
_AHEAD: Final = 120.0


def moment_of(request: Request, now: datetime) -> datetime | None:
    """None without `at`; 400 for what is no moment of the past. A time without a zone is ours."""
    given = request.query_params.get("at", "").strip()
    if not given:
        return None
    at = _read(given, now.tzinfo)
    if at is None:
        raise HTTPException(
            400,
            "at takes a time such as 2026-11-22T13:45:01Z, or seconds since 1970, "
            f"not {given[:100]!r}.",
        )
    if (at - now).total_seconds() > _AHEAD:
        raise HTTPException(400, f"at takes a moment of the past; {given[:100]} has not come yet.")
    return min(at, now)


def _read(given: str, zone: tzinfo | None) -> datetime | None:
    try:
        seconds = float(given)
        return datetime.fromtimestamp(seconds, zone) if math.isfinite(seconds) else None
    except ValueError:
        pass
    except (OverflowError, OSError):
        return None
    try:
        # In an address a plus means a space.
        at = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(zone)
    except (ValueError, OverflowError):
        return None


def text_of(at: datetime) -> str:
    """As it stands in addresses: `2026-11-22T13:45:01Z`."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}{f'.{at.microsecond // 1000:03d}' if at.microsecond else ''}Z"
