"""What `pool-dashboard run` says on stderr, which every process of a service shares."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SERVICE = """
import sys
import sqlalchemy
engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.QueuePool)
sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(socket, "SOCK_SEQPACKET"), reason="needs sockets of messages")
def test_news_is_one_write(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(_SERVICE)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "dashboard", "run", "--listen", "127.0.0.1:0", "--"]
    with (
        ours,
        theirs,
        subprocess.Popen(
            [*command, sys.executable, "service.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stderr=theirs.fileno(),
        ) as process,
    ):
        ours.settimeout(60)
        try:
            said = ours.recv(1000).decode()
        finally:
            process.communicate(b"\n", timeout=60)
    assert re.fullmatch(r"pool-dashboard: pid \d+ \(service\.py\): http://\S+/\n", said)
