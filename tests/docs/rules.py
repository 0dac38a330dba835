"""Writes the rules into `docs/advice.md`, as the code has them: `python -m tests.docs.rules`."""

from typing import Final

from dashboard.analysis.rules import RULES, SETTINGS, TRACE, WATCH, Rule
from tests.docs.pages import ROOT

PAGE: Final = ROOT / "docs" / "advice.md"
BEGIN: Final = (
    "<!-- The rules: written by `python -m tests.docs.rules`, from the rules themselves. -->\n"
)
END: Final = "<!-- The end of the rules. -->\n"
_NEEDS: Final = {
    SETTINGS: "Settings alone: `pool-dashboard check` knows it too.",
    WATCH: "A watched pool.",
    TRACE: "A trace of requests that can be replayed.",
}


def written() -> str:
    """The whole section, between its marks."""
    return "\n".join(["", *(_described(rule) for rule in RULES), ""])


def _described(rule: Rule) -> str:
    return (
        f"### {rule.id} {rule.name}\n\n{_plain(rule.why)}\n\n"
        f"*Needs:* {_NEEDS[rule.needs]} *Silent when:* {_plain(rule.silent)}\n"
    )


def _plain(text: str) -> str:
    """No Markdown in it: what looks like it is meant as it stands."""
    for sign in ("*", "<"):
        text = text.replace(sign, f"\\{sign}")
    return text


def present() -> str:
    """What the page has."""
    _, _, rest = PAGE.read_text().partition(BEGIN)
    return rest.partition(END)[0]


def main() -> None:
    """Replace it."""
    before, begin, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{begin}{written()}{END}{after}")


if __name__ == "__main__":
    main()
