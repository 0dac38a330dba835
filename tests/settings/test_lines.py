"""On which line a key stands, whatever TOML allows before it."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from dashboard.settings.lines import lines_of


def test_each_key_has_its_line() -> None:
    text = "\n[dashboard]\ntitle = 'x'\n\n[pools.a]\nurl = 'u'\npool_size = 5\n[pools.b]\nurl='v'"
    assert lines_of(text) == {
        ("dashboard",): 2,
        ("dashboard", "title"): 3,
        ("pools",): 5,
        ("pools", "a"): 5,
        ("pools", "a", "url"): 6,
        ("pools", "a", "pool_size"): 7,
        ("pools", "b"): 8,
        ("pools", "b", "url"): 9,
    }


def test_values_over_several_lines() -> None:
    text = '''\
[a]
text = """
[no.table]
no_key = 1 \\" "" # "
""\\"""
"""
list = [ # [no.table]
  "]", '[', # ]
  { b = 1 },
]
last = { x = { y = [1, 2] } }
'''
    assert tomllib.loads(text)["a"].keys() == {"text", "list", "last"}
    assert lines_of(text) == {
        ("a",): 1,
        ("a", "text"): 2,
        ("a", "list"): 7,
        ("a", "last"): 11,
    }


def test_quoted_and_dotted_keys() -> None:
    text = "a.'b.c'.\"d\\u0065\" = 1\n[[x . y]]\n\"k=#\" = 2\n[x.y.'z]']\n"
    assert lines_of(text) == {
        ("a",): 1,
        ("a", "b.c"): 1,
        ("a", "b.c", "de"): 1,
        ("x",): 2,
        ("x", "y"): 2,
        ("x", "y", "k=#"): 3,
        ("x", "y", "z]"): 4,
    }


_keys = st.text("ab.#=[]\"'\\ é", min_size=1, max_size=4)
_values = st.recursive(
    st.text("ab#=[]{}\"'\\\n é", max_size=6) | st.integers(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[\n" + "".join(f"  {_toml(each)}, # ]\n" for each in value) + "]"
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""\n{escaped}"""'


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@given(st.dictionaries(_keys, st.dictionaries(_keys, _values, max_size=3), max_size=3))
def test_any_document(tables: dict[str, dict[str, object]]) -> None:
    expected: dict[tuple[str, ...], int] = {}
    lines: list[str] = []
    for name, table in tables.items():
        expected[name,] = len(lines) + 1
        lines.append(f"[{_quoted(name)}] # = [")
        for key, value in table.items():
            expected[name, key] = len(lines) + 1
            lines += f"{_quoted(key)} = {_toml(value)}".split("\n")
    text = "\n".join(lines)
    assert tomllib.loads(text) == tables
    assert lines_of(text) == expected
