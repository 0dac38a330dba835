"""Finds a Chromium; `python -m tests.house.chromium` installs one where that is allowed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find() -> str | None:
    """The path of a Chromium or Chrome; CHROMIUM in the environment names another one."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return found or (str(_MAC) if _MAC.exists() else None)


def install_command() -> str:
    """What a person types to get one."""
    if not shutil.which("apt-get"):
        return "install Chromium or Chrome, or name one with CHROMIUM=/path/to/chrome"
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get update && {sudo}apt-get install -y chromium"


def main() -> None:
    """Never fails: without a browser its tests are skipped and counted."""
    if find():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing Chromium for the browser tests", flush=True)
        _install()
    if not find():
        print(f"no Chromium: the browser tests will be skipped; to run them: {install_command()}")


def _install() -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        command = ["apt-get", "-qq", *step]
        print(" ".join(command), flush=True)
        done = subprocess.run(
            command, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            print(f"apt-get ended with status {done.returncode}", file=sys.stderr)
            return


if __name__ == "__main__":
    main()
