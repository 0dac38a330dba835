"""Names as an attacker would choose them."""

from dashboard.model.snapshot import Source

from .crowded import happenings, pool, suspect
from .given import Given

#: Names that try to leave the place where they are shown.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a\r\nevent: batch\r\ndata: {}\r\n\r\n",
    "a\n\ndata: forged\n\n",
    "a\u2028b\u2029c\u0085d",
    "a\x00b\x1b[31mc",
    "a|b|c",
    "a`b``c```",
    "```\n# forged\n",
    "[link](javascript:alert(1)) ![i](http://evil.example/x) @everyone <!-- -->",
    'a"} 1\ndb_pool_size{pool="forged"} 99',
    "back\\slash\\",
    "a/b%2Fc?d=e#f&g",
    "\u202egnp.exe\u202c",
    "stray \udcff byte",
    "ünï\u0301 🐘",
    "{{7*7}}${7*7}#{7*7}",
)


def hostile() -> Given:
    """A pool for every hostile name, and the name in every other place too."""
    given = Given(title=HOSTILE[0])
    given.source = Source(HOSTILE[1], 1, HOSTILE[0])
    given.pools = {name: pool(name, name) for name in HOSTILE}
    given.found = [suspect(name, name) for name in HOSTILE]
    given.log = [event for name in HOSTILE for event in happenings(name, name)]
    return given
