"""A Dockerfile's steps, taken in directories of our own instead of a container's."""

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Instead of the image's own user: initdb wants one that the system knows.
USER = "nobody"


@dataclass(frozen=True)
class Step:
    """One instruction of one stage."""

    stage: int
    word: str
    rest: str

    @property
    def command(self) -> list[str]:
        """The words of an instruction in JSON form."""
        words: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return words


def steps(text: str) -> Iterator[Step]:
    """The instructions, those that go over several lines as one."""
    stage = -1
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        yield Step(stage, word, rest.strip())


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass
class Replay:
    """Where the image's directories are here."""

    top: Path
    steps: Sequence[Step]
    port: int = field(default_factory=_free_port)
    python: str = sys.executable

    def one(self, word: str) -> Step:
        """The last stage's only instruction of this kind."""
        (found,) = (step for step in self.steps if step.stage == 1 and step.word == word)
        return found

    def here(self, text: str) -> str:
        """The image's paths, and its port, as they are here."""
        return (
            text.replace("/app", str(self.top / "app"))
            .replace("0.0.0.0:8765", f"0.0.0.0:{self.port}")
            .replace("127.0.0.1:8765", f"127.0.0.1:{self.port}")
        )

    def build(self) -> None:
        """The first stage: copy the sources and run what it runs."""
        source = self.top / "source"
        source.mkdir()
        for step in self.steps:
            if step.stage == 0 and step.word == "COPY":
                *names, to = step.rest.split()
                for name in names:
                    _copy(ROOT / name, source / (name if to == "./" else to))
            elif step.stage == 0 and step.word == "RUN":
                command = self.here(step.rest)
                if command.startswith("python "):
                    command = f"{self.python} {command.removeprefix('python ')}"
                subprocess.run(command, shell=True, cwd=source, check=True)  # noqa: S602 -- ours
        for path in (source, *source.rglob("*"), *(self.top / "app").rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o555 | 0o444)

    def start(self, token: str, log: Path) -> subprocess.Popen[bytes]:
        """Its command, as an ordinary user without capabilities, in a directory for data."""
        data = self.top / "tmp"
        data.mkdir(exist_ok=True)
        data.chmod(0o1777)
        command = [self.here(word) for word in self.one("CMD").command]
        with log.open("w") as output:
            return subprocess.Popen(
                [*as_user(), str(self.top / "app" / "bin" / command[0]), *command[1:]],
                cwd=data,
                env=self.environment({"POOL_DASHBOARD_TOKEN": token, "TMPDIR": str(data)}),
                stdout=output,
                stderr=output,
            )

    def is_healthy(self) -> bool:
        """What its health check says."""
        words = [self.here(word) for word in self.one("HEALTHCHECK").command]
        words[0] = str(self.top / "app" / "bin" / words[0])
        return not subprocess.run(
            [*as_user(), *words], env=self.environment({}), capture_output=True, check=False
        ).returncode

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Nothing of ours but what the image sets."""
        pairs = dict(pair.split("=", 1) for pair in self.one("ENV").rest.split())
        path = pairs["PATH"].replace("$PATH", os.defpath)
        return {**pairs, "PATH": self.here(path), **given}


def as_user() -> list[str]:
    """In front of a command: as root, become somebody who may nothing special, for good."""
    if os.geteuid():
        return []
    rights = ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--clear-groups"]
    known = pwd.getpwnam(USER)
    return ["setpriv", f"--reuid={known.pw_uid}", f"--regid={known.pw_gid}", *rights]


def _copy(source: Path, to: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, to)
