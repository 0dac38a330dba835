"""The command `pool-dashboard`."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from .model.errors import DashboardError

_LISTEN: Final = "127.0.0.1:8765"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status. 2 for a wrong option or an address in use."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except DashboardError as error:
        print(f"pool-dashboard: {error}", file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pool-dashboard", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="a shop with faults to switch, and its dashboard")
    demo.add_argument("--listen", default=_LISTEN, metavar="HOST:PORT", help=f"default {_LISTEN}")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="makes the load repeatable")
    demo.add_argument("--once", type=_seconds, metavar="SECONDS", help="run so long, then exit")
    demo.set_defaults(run=_demo)
    report = commands.add_parser("report", help="the Markdown report of a running dashboard")
    report.add_argument(
        "url", metavar="URL", help="where the dashboard is, such as http://127.0.0.1:8765/"
    )
    report.add_argument("--token", help="its reading token; also POOL_DASHBOARD_TOKEN")
    report.set_defaults(run=_report)
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        msg = f"seconds above 0, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return seconds


def _demo(options: argparse.Namespace) -> int:
    try:
        from .demo import run
    except ModuleNotFoundError as missing:
        msg = f"the demo needs {missing.name}: pip install 'pool-dashboard[demo]'"
        raise DashboardError(msg) from missing
    return run.main(options.listen, options.seed, options.once)


def _report(options: argparse.Namespace) -> int:
    from .fetching import report

    sys.stdout.write(report(options.url, options.token))
    return 0


if __name__ == "__main__":
    sys.exit(main())
