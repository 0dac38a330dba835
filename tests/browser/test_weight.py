"""What a tab costs, and that vendored files are what they say."""

import gzip
import re
from hashlib import sha256

from dashboard.web.places import STATIC


def test_scripts_stay_within_their_budget() -> None:
    packed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in STATIC.rglob("*.js"))
    assert packed <= 60_000


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
