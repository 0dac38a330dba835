"""`${NAME}` in texts of a file: secrets stay in the environment. `$$` is a dollar sign."""

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

_DOLLAR: Final = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[^{}]*)\}|(?P<open>\{)|)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ONLY: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_SECRET: Final = re.compile(r"pass|pwd|secret|token|cred|key|dsn|url|uri|auth|salt", re.IGNORECASE)
_USERINFO: Final = re.compile(r"([A-Za-z][\w+.-]*://)([^/?#]*)@(.*)", re.DOTALL)


class Variables:
    """Fills texts in, and remembers which values may be in no message."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`environment` is read when a text asks for it."""
        self._environment = environment
        self.secrets: set[str] = set()

    def fill(self, text: str) -> str:
        """ValueError says which variable is not set."""
        return self._fill(text, str)

    def fill_url(self, text: str) -> str:
        """Also quotes what comes before the host: a password may hold an `@` or a slash."""
        found = _USERINFO.fullmatch(text)
        if found is None:
            return self.fill(text)
        return found[1] + self._fill(found[2], _quoted) + "@" + self.fill(found[3])

    def _fill(self, text: str, quoted: Callable[[str], str]) -> str:
        return _DOLLAR.sub(lambda found: self._one(found, quoted), text)

    def _one(self, found: re.Match[str], quoted: Callable[[str], str]) -> str:
        if found["open"] or (found["name"] is not None and not _NAME.fullmatch(found["name"])):
            raise ValueError("has ${ without a variable's name and }; a dollar sign is written $$")
        if found["name"] is None:
            return "$"
        value = self._environment.get(found["name"])
        if value is None:
            raise ValueError(f"wants the environment variable {found['name']}, which is not set")
        if is_secret(found["name"]):
            self.secrets |= {value, quoted(value)}
        return quoted(value)


def is_secret(name: str) -> bool:
    """Whether a variable or an option is named like something that nobody may read."""
    return _SECRET.search(name) is not None


def is_variable(text: str) -> bool:
    """Whether a text is one variable and nothing else."""
    return _ONLY.fullmatch(text.strip()) is not None


def _quoted(value: str) -> str:
    return quote(value, safe="")
