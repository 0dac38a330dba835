"""Reads a running dashboard from outside."""

import http.client
import os
import urllib.error
import urllib.request
from typing import Final

from .model.errors import DashboardError

_TIMEOUT: Final = 10.0


def report(url: str, token: str | None) -> str:
    """The Markdown report; DashboardError says why there is none."""
    if not url.startswith(("http://", "https://")):
        msg = f"{url!r} is no address of a dashboard; it begins with http:// or https://"
        raise DashboardError(msg)
    request = urllib.request.Request(url.rstrip("/") + "/report.md")  # noqa: S310 -- checked above
    token = token or os.environ.get("POOL_DASHBOARD_TOKEN")
    if token:
        # Whoever it redirects to is not to have the token.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            kind = answer.headers.get_content_type()
            text: str = answer.read().decode()
    except urllib.error.HTTPError as error:
        hint = "; pass its token with --token" if error.code in {401, 403} else ""
        msg = f"{url} answered {error.code} {error.reason}{hint}"
        raise DashboardError(msg) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        msg = f"no dashboard answers at {url}: {reason}"
        raise DashboardError(msg) from error
    if kind != "text/markdown":
        msg = f"{url} is no dashboard: it answered {kind}; give the address of its overview"
        raise DashboardError(msg)
    return text
