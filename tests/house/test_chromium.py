"""A Chromium is found, installed where that is allowed, or asked for."""

import os
from pathlib import Path

import pytest

from tests.house import chromium

_APT_GET = """#!/bin/sh
echo "$@" >> {folder}/calls
case "$2" in install) ln -s /bin/true {folder}/chromium;; esac
"""


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a browser, whose apt-get writes down how it is called."""
    apt_get = tmp_path / "apt-get"
    apt_get.write_text(_APT_GET.format(folder=tmp_path))
    apt_get.chmod(0o755)
    (tmp_path / "ln").symlink_to("/bin/ln")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "_MAC", tmp_path / "none")
    return tmp_path


def test_named_chromium_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/bin/sh")
    assert chromium.find() == "/bin/sh"
    monkeypatch.setenv("CHROMIUM", "/bin/no-such-browser")
    assert chromium.find() is None


def test_root_installs_chromium(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    chromium.main()
    calls = (bare_machine / "calls").read_text().splitlines()
    assert calls == ["-qq update", "-qq install -y --no-install-recommends chromium"]
    assert chromium.find() == str(bare_machine / "chromium")


def test_user_is_told_the_command(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    chromium.main()
    assert "sudo apt-get update && sudo apt-get install -y chromium" in capsys.readouterr().out
    assert not (bare_machine / "calls").exists()
