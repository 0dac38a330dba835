"""What opens a closed dashboard: a reading token, a launch code that works once, a cookie."""

import hmac
import math
import secrets
import string
import time
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from ..model.errors import DashboardError

#: A token that can be guessed is none.
BITS: Final = 128
#: A launch code works once, within a minute.
CODE_LIFE: Final = 60.0
#: A cookie works for a week.
SESSION_LIFE: Final = 7 * 86400
#: Wrong tokens that one address may try in a minute.
TRIES: Final = 5
_MINUTE: Final = 60.0
_FEWEST_CHARACTERS: Final = 6
_MOST_CODES: Final = 16
_MOST_ADDRESSES: Final = 1024
_ALPHABETS: Final = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.digits + string.ascii_lowercase,
    string.digits + string.ascii_letters + "-_",
    string.digits + string.ascii_letters + string.punctuation,
)


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def checked(token: str) -> str:
    """The token without white space around it; refuses one that could be guessed."""
    token = token.strip()
    made = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    if not token:
        raise DashboardError(f"the token is empty; leave it out, or {made}")
    used = set(token)
    alphabet = next((a for a in _ALPHABETS if used <= set(a)), None)
    if alphabet is None:
        raise DashboardError(f"the token has characters that no header can carry; {made}")
    bits = int(len(token) * math.log2(len(alphabet)))
    if bits < BITS or len(used) < _FEWEST_CHARACTERS:
        raise DashboardError(f"the token can be guessed: {BITS} random bits are needed; {made}")
    return token


class Token:
    """A reading token, kept as its digest only; the key is for the cookies that it buys."""

    __slots__ = ("_digest", "key")

    def __init__(self, token: str) -> None:
        token = checked(token)
        self._digest = _digest(token)
        self.key = hmac.digest(token.encode(), b"pool-dashboard session", sha256)

    def matches(self, given: str) -> bool:
        """Takes the same time whether it is right or wrong."""
        return hmac.compare_digest(self._digest, _digest(given))


class Sessions:
    """Signed cookies: every worker of a service that has the token accepts them."""

    __slots__ = ("_key", "_wall", "cookie")

    def __init__(self, key: bytes, wall: Callable[[], float]) -> None:
        self._key = key
        self._wall = wall
        # Cookies ignore the port: two dashboards on one host must not overwrite each other's.
        self.cookie = f"pool_dashboard_{sha256(key).hexdigest()[:8]}"

    def issue(self) -> str:
        """A value for the cookie."""
        claim = f"{int(self._wall()) + SESSION_LIFE}.{secrets.token_urlsafe(16)}"
        return f"{claim}.{self._signature(claim)}"

    def accepts(self, value: str) -> bool:
        """Whether we signed it and it has not expired."""
        claim, _, signature = value.rpartition(".")
        if not hmac.compare_digest(_digest(signature), _digest(self._signature(claim))):
            return False
        return int(claim.partition(".")[0]) > self._wall()

    def _signature(self, claim: str) -> str:
        text = claim.encode("utf-8", "surrogateescape")
        return hmac.new(self._key, text, sha256).hexdigest()


class LaunchCodes:
    """Codes for a URL: each opens once, so a log or a history that keeps it gives nothing away."""

    __slots__ = ("_clock", "_expiries")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expiries: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._expiries)

    def issue(self) -> str:
        """A code that is not older than `CODE_LIFE` when it is used; the oldest gives way."""
        code = secrets.token_urlsafe(32)
        while len(self._expiries) >= _MOST_CODES:
            self._expiries.pop(next(iter(self._expiries)), None)
        self._expiries[_digest(code)] = self._clock() + CODE_LIFE
        return code

    def redeem(self, given: str) -> bool:
        """Whether the code opens, for the first and last time."""
        expiry = self._expiries.pop(_digest(given), None)
        return expiry is not None and self._clock() < expiry


class Failures:
    """Wrong tokens of the last minute, by address; a right one is never held up by them."""

    __slots__ = ("_clock", "_times")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def note(self, address: str) -> float:
        """Counts one; the seconds to wait before the next, 0.0 while fewer than `TRIES`."""
        now = self._clock()
        times = self._times.pop(address, None) or deque(maxlen=TRIES)
        self._times[address] = times
        while len(self._times) > _MOST_ADDRESSES:
            del self._times[next(iter(self._times))]
        if len(times) == TRIES and now - times[0] < _MINUTE:
            return times[0] + _MINUTE - now
        times.append(now)
        return 0.0
