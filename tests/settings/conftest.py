"""Files of settings, written for a test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard import DashboardError
from dashboard.settings import Settings, read

from .modules import modules

__all__ = ["modules"]

#: Reads a text as `pools.toml`; keyword arguments are the environment.
Read = Callable[..., Settings]
#: Why a text is refused: the message without the directory.
Refused = Callable[..., str]


@pytest.fixture
def settings(tmp_path: Path) -> Read:
    """`settings(text, NAME="value")`."""

    def reading(text: str, **environment: str) -> Settings:
        path = tmp_path / "pools.toml"
        path.write_text(text)
        return read(path, environment)

    return reading


@pytest.fixture
def refused(settings: Read, tmp_path: Path) -> Refused:
    """`refused(text, NAME="value")`."""

    def refusing(text: str, **environment: str) -> str:
        with pytest.raises(DashboardError) as caught:
            settings(text, **environment)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return refusing
