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
    serve = commands.add_parser("serve", help="the pools of a file, and their dashboard")
    serve.add_argument(
        "--config", metavar="FILE", help="default: pools.toml in the current directory"
    )
    serve.add_argument(
        "--listen", metavar="HOST:PORT", help=f"default: what the file says, else {_LISTEN}"
    )
    serve.set_defaults(run=_serve)
    run = commands.add_parser(
        "run", help="any Python service, unchanged, with every pool watched in all its workers"
    )
    run.add_argument(
        "--listen", metavar="HOST:PORT", help=f"default {_LISTEN}; further workers take the next"
    )
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD…")
    run.set_defaults(run=_run)
    _add_check(commands.add_parser("check", help="what the settings alone say, for CI"))
    report = commands.add_parser("report", help="the Markdown report of a running dashboard")
    report.add_argument(
        "url", metavar="URL", help="where the dashboard is, such as http://127.0.0.1:8765/"
    )
    report.add_argument("--token", help="its reading token; also POOL_DASHBOARD_TOKEN")
    report.set_defaults(run=_report)
    return parser


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument("target", metavar="pools.toml | module:attribute")
    check.add_argument("--format", choices=("text", "json"), default="text")
    server = check.add_argument_group("what the server allows, for the budget")
    server.add_argument("--max-connections", type=int, metavar="N")
    server.add_argument("--workers", type=int, default=1, metavar="N", help="default 1")
    server.add_argument("--pooler", type=int, metavar="N", help="PgBouncer's default_pool_size")
    for name, words in _DURATIONS.items():
        server.add_argument(f"--{name}", metavar="DURATION", help=words)
    check.epilog = "Exit status: 0 nothing to change, 1 something, 2 it could not be checked."
    check.set_defaults(run=_check)


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


def _serve(options: argparse.Namespace) -> int:
    from .commands import serve

    return serve.main(options.config, options.listen)


def _check(options: argparse.Namespace) -> int:
    from .commands import check
    from .model.limits import ServerLimit

    try:
        limit = ServerLimit(
            max_connections=options.max_connections,
            workers=options.workers,
            pooler=options.pooler,
            deadline=_duration(options, "deadline"),
            longest_life=_duration(options, "longest-life"),
            longest_idle=_duration(options, "longest-idle"),
        )
    except ValueError as error:
        raise DashboardError(str(error)) from error
    return check.main(options.target, limit, as_json=options.format == "json")


#: Options of `check` that take a time, and what each is.
_DURATIONS: Final = {
    "deadline": "how long callers wait for an answer, such as 30s",
    "longest-life": "after which the server or a proxy ends a connection, such as 1h",
    "longest-idle": "after which a firewall or load balancer forgets an idle one, such as 350s",
}


def _duration(options: argparse.Namespace, name: str) -> float | None:
    from .settings.durations import WORDS, seconds

    given = getattr(options, name.replace("-", "_"))
    found = None if given is None else seconds(given)
    if given is not None and found is None:
        raise DashboardError(f"--{name} takes {WORDS}, not {given!r}")
    return found


def _run(options: argparse.Namespace) -> int:
    from .commands import run

    command = options.command
    run.main(options.listen, command[1:] if command[:1] == ["--"] else command)


def _report(options: argparse.Namespace) -> int:
    from .fetching import report

    sys.stdout.write(report(options.url, options.token))
    return 0


if __name__ == "__main__":
    sys.exit(main())
