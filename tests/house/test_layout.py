"""The repository's top level, and what no file in it may name."""

import subprocess
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_REQUIRED = {
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "dashboard",
    "pyproject.toml",
    "static",
    "templates",
    "tests",
}
_OPTIONAL = {
    ".dockerignore",
    ".editorconfig",
    ".github",
    "CONTRIBUTING.md",
    "Dockerfile",
    "SECURITY.md",
    "compose.yaml",
    "docs",
    "examples",
}
# In two halves, so that this file does not name them either. Somebody's machine, somebody's mirror.
_FORBIDDEN = [
    left + right
    for left, right in (
        ("/wo", "rk/"),
        ("/opt/", "pypi"),
        ("/opt/", "wheels"),
        ("/ro", "ot/"),
        (".libr", "ary/"),
        ("pypi.org/", "simple"),
        ("files.python", "hosted.org"),
        ("registry.", "npmjs.org"),
        ("deb.", "debian.org"),
    )
]


def _tracked() -> list[Path]:
    """Files that are in the repository or would be with the next commit."""
    # Git refuses a tree of another user, as a container's or a root's often is, unless told so.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no git repository here: {done.stderr.strip()}")
    return [path for name in done.stdout.split("\0") if name and (path := _ROOT / name).is_file()]


def test_top_level_is_as_designed() -> None:
    present = {path.relative_to(_ROOT).parts[0] for path in _tracked()}
    assert sorted(_REQUIRED - present) == []
    assert sorted(present - _REQUIRED - _OPTIONAL) == []


def test_no_file_names_a_machine_or_mirror() -> None:
    named = [
        f"{path.relative_to(_ROOT)}: {word}"
        for path in _tracked()
        for word in _FORBIDDEN
        if word.encode() in path.read_bytes()
    ]
    assert named == []


def test_architecture_stays_one_read() -> None:
    assert len((_ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 120


def test_changelog_knows_the_version() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    changelog = (_ROOT / "CHANGELOG.md").read_text()
    assert f"[{project['version']}]" in changelog or "[Unreleased]" in changelog
