"""HTML of the dashboard is `Markup` from `html`, `join` and the pieces; nothing puts text and HTML together by hand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT, PIECES = "dashboard/text.py", "dashboard/widgets/base/markup.py"
MAKES_MARKUP = {
    TEXT: "the one place that escapes",
    "dashboard/widgets/base/style.py": "our own stylesheet",
}
NOT_FOR_A_PAGE = {"dashboard/server/guard.py": "the pattern of an inline script"}
TAG = re.compile(r"<(?!br>|/?extra>)/?[a-zA-Z!]")
"""Any but the two that Plotly's hover texts need."""


@cache
def escaping() -> frozenset[str]:
    """Names of the functions that return Markup, wherever pages import them from."""
    trees = [ast.parse((ROOT / name).read_text(encoding="utf-8")) for name in (TEXT, PIECES)]
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    return frozenset(f.name for f in functions if isinstance(f.returns, ast.Name) and f.returns.id == "Markup")


def faults(name: str, source: str) -> Iterator[str]:
    """What breaks the rule in one file."""
    tree = ast.parse(source)
    literals = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for call, template in _templates(tree):
        if isinstance(template, ast.Constant):
            literals.add(template)
        else:
            yield f"{name}:{call.lineno} calls html() with a template that is not a literal"
    for node in ast.walk(tree):
        yield from (f"{name}:{getattr(node, 'lineno', 0)} {fault}" for fault in (*_call(name, node), *_text(node)))
        is_tag = isinstance(node, ast.Constant) and TAG.search(str(node.value)) and node not in literals
        if is_tag and name not in NOT_FOR_A_PAGE:
            yield f"{name}:{getattr(node, 'lineno', 0)} writes HTML outside html()"


def _templates(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.AST | None]]:
    """Each call of `html` with its template; the name of a constant of the module stands for its value."""
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node) == "html":
            first = node.args[0] if node.args else None
            yield node, constants.get(first.id) if isinstance(first, ast.Name) else first


def _name(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _call(name: str, node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and node.func.attr == "html" and name != PIECES:
        yield "calls st.html; show() is the way"
    if any(keyword.arg == "unsafe_allow_html" for keyword in node.keywords):
        yield "lets HTML into Markdown; show() is the way"
    if _name(node) == "Markup" and name not in MAKES_MARKUP:
        yield "makes Markup; html() escapes"


def _text(node: ast.AST) -> Iterator[str]:
    """F-strings and `str.join` make plain text of Markup, which is then escaped once more."""
    function = node.func if isinstance(node, ast.Call) else None
    is_join = (
        isinstance(function, ast.Attribute) and function.attr == "join" and isinstance(function.value, ast.Constant)
    )
    if isinstance(node, ast.JoinedStr) or is_join:
        calls = (call for call in ast.walk(node) if isinstance(call, ast.Call))
        if any(_name(call) in escaping() for call in calls):
            yield "makes plain text of Markup; html() and join() keep it"


def test_dashboard__every_file__writes_html_through_html_alone() -> None:
    files = sorted((ROOT / "dashboard").rglob("*.py"))
    names = [path.relative_to(ROOT).as_posix() for path in files]
    assert {TEXT, PIECES, *MAKES_MARKUP, *NOT_FOR_A_PAGE} <= set(names)
    found = [
        fault
        for name, path in zip(names, files, strict=True)
        for fault in faults(name, path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_escaping__the_pieces__are_known_by_their_types() -> None:
    assert {"html", "join", "as_html", "badge", "table", "soft", "external"} <= escaping()


@pytest.mark.parametrize(
    "source",
    [
        'st.html(f"<b>{name}</b>")',
        'st.html("<b>" + name)',
        "st.html(body)",
        "st.markdown(text, unsafe_allow_html=True)",
        'show(f"<b>{name}</b>")',
        'text = "<b>%s</b>" % name',
        'text = f"</b>{name}"',
        'text = f"{name}<br><b>"',
        "show(Markup(name))",
        'show(html("<b>{}" + name))',
        "show(html(name))",
        'show(html(f"{name}"))',
        'text = f"{name} {soft(name)}"',
        'text = " · ".join(as_html(part) for part in parts)',
    ],
)
def test_faults__html_made_by_hand__is_found(source: str) -> None:
    assert list(faults("dashboard/views/x.py", source))


@pytest.mark.parametrize(
    "source",
    [
        'show(html("<b>{}</b>", name))',
        'PAGE = "<b>{}</b>"\nshow(html(PAGE, name))',
        '"""<b> in a docstring."""',
        'text = "a < b"',
        'hover = f"{name}<br>%{{y}}<extra></extra>"',
        'text = f"{name} {number(1)}"',
    ],
)
def test_faults__html_through_the_pieces__is_none(source: str) -> None:
    assert not list(faults("dashboard/views/x.py", source))
