"""What a tab costs, and that vendored files are what they say."""

import re
from hashlib import sha256

from dashboard.web.places import STATIC
from dashboard.web.static import load


def test_scripts_stay_within_their_budget() -> None:
    sent = [file for name, file in load(STATIC).items() if name.endswith(".js")]
    assert sum(len(file.packed or file.content) for file in sent) <= 60_000


def test_no_script_nests_templates() -> None:
    """The packer would take the spaces out of a template within a template."""
    for path in (STATIC / "js").glob("*.js"):
        assert (path.name, re.findall(r"\$\{[^}`]*`", path.read_text())) == (path.name, [])


def test_vendored_files_have_their_recorded_hash() -> None:
    vendor = STATIC / "vendor"
    recorded = dict(
        re.findall(
            r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (vendor / "VENDOR.md").read_text(), re.MULTILINE
        )
    )
    files = {path.name for path in vendor.iterdir() if path.suffix in {".js", ".css"}}
    assert files == set(recorded)
    for name, digest in recorded.items():
        assert sha256((vendor / name).read_bytes()).hexdigest() == digest


def test_scripts_use_no_eval_and_no_markup() -> None:
    for path in (STATIC / "js").glob("*.js"):
        found = re.findall(r"\beval\b|new Function|innerHTML|insertAdjacentHTML", path.read_text())
        assert (path.name, found) == (path.name, [])
