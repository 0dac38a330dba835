"""Takes secrets out of what is printed or shown."""

import re
from collections.abc import Iterable
from typing import Final

HIDDEN: Final = "***"
_USERINFO: Final = re.compile(r"(://)[^\s'\"]*@")
_NAMED: Final = re.compile(r"(?i)\b(password|passwd|pwd|token|secret)(\s*[=:]\s*)[^\s,;)]+")
_LONGEST: Final = 300
#: A value so short is in any sentence by chance.
_SHORTEST: Final = 3


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """One line at most, without `secrets` and without what stands before the host of a URL."""
    for each in sorted(secrets, key=len, reverse=True):
        if len(each) >= _SHORTEST:
            text = text.replace(each, HIDDEN)
    text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    lines = text.strip().splitlines()
    return lines[0][:_LONGEST].strip() if lines else ""


def said(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """The kind of an error, and its first line if it has one."""
    original = getattr(error, "orig", None)
    inner = original if isinstance(original, BaseException) else error
    text = redacted(str(inner), secrets)
    kind = type(inner).__name__
    return f"{kind}: {text}" if text else kind
