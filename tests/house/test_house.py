"""House rules that hold for the whole tree; the exceptions stand here by name, each with its reason."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN = ("services", "dashboard", "demo", "azure_devops_server", "pipelines", "tools", "benchmarks", "examples")
LONGEST_FILE = 400
LONGEST_TEST_FILE = 520
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 7
MOST_POSITIONAL = 5
PICTURES = {".png", ".ico", ".svg", ".woff2", ".parquet"}

LONGER_FILES = {
    "tests/fake_portal.py": 750,  # one small world behind that face
}
LONGER_FUNCTIONS = {
    "services/bootstrap/portal.py build_portal": 100,  # the composition root: one list of parts
}

TIMED_ELSEWHERE = {
    "dashboard/server/gate.py": "its HTTPConnection is Starlette's view of a visitor, none that is opened",
    "benchmarks/predictions.py": "a program of ours that takes as long as it takes",
    "services/adapters/azure_devops/calls.py": "its session sets time-outs and a deadline on every send (guard.py)",
}
CALLS = re.compile(r"(^|\.)(requests|httpx|session|_session)\.(get|post|put|patch|delete|head|options|request)$")
WAITING = re.compile(
    r"(^|\.)(urlopen|create_connection|HTTPS?Connection|subprocess\.(run|check_output|check_call|call))$"
)
CALLED = frozenset(
    [
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "head",
        "options",
        "request",
        "run",
        "check_output",
        "check_call",
        "call",
        "urlopen",
        "create_connection",
        "HTTPConnection",
        "HTTPSConnection",
    ]
)
TIME_AT = {"urlopen": 2, "create_connection": 1}
"""Position at which these take their time-out."""

MOST_FILES = 20
"""Python files in one folder, without `__init__.py`: more are two ideas."""
SQL_ROOMS = ("services/database/", "services/bootstrap/", "services/adapters/inference_log/")

NOTES = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X{3})\b")
MACHINE = re.compile(r"(?<![\w.:/}$])/(work|home|Users|root|tmp)/\w")
SECRETS = {
    "AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    "Slack token": re.compile(r"\bxox[abpr]-[A-Za-z0-9-]{10,}"),
    "JSON web token": re.compile(r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{10,}"),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(\\n|\s)[A-Za-z0-9+/=]{40}"),
    "Azure key": re.compile(r"\b[A-Za-z0-9+/]{86}=="),
    "password in an address": re.compile(r"\w+://[^/\s:@'\"{}<>$]+:(?!…|\.\.\.|PASSWORD|pass|secret|token|x\b)[^/\s:@'\"{}<>$]{8,}@"),
}  # fmt: skip
PIN = re.compile(r"[A-Za-z0-9._-]+(\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9.+!-]+( ;.*)?$")


@cache
def tracked() -> tuple[Path, ...]:
    """Files that Git knows or would add; without Git, everything in the rooms of the house."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        names = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        names = [path for room in (*OWN, "tests", "docs") for path in (ROOT / room).rglob("*")]
    return tuple(path for path in names if path.is_file() and "__pycache__" not in path.parts)


@cache
def text_of(path: Path) -> str:
    return path.read_text("utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


def python(*rooms: str) -> Iterator[Path]:
    return (p for p in tracked() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in rooms)


def place(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT).as_posix()}{f':{line}' if line else ''}"


def test_tree__read__has_the_rooms_of_the_house() -> None:
    """The other checks would pass on an empty tree."""
    assert len(list(python(*OWN))) > 200
    assert len(list(python("tests"))) > 50


def test_file__any__is_short() -> None:
    limits = [(p, LONGEST_FILE) for p in python(*OWN)] + [(p, LONGEST_TEST_FILE) for p in python("tests")]
    long = {
        place(p): n for p, limit in limits if (n := len(text_of(p).splitlines())) > LONGER_FILES.get(place(p), limit)
    }
    assert long == {}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def test_function__any__is_short() -> None:
    """Migrations are lists of statements, and stay as they were released."""
    long = {
        f"{place(path, f.lineno)} {f.name}": length
        for path in python(*OWN, "tests")
        if "migrations" not in path.parts
        for f in functions(path)
        if (length := (f.end_lineno or f.lineno) - f.lineno + 1)
        > LONGER_FUNCTIONS.get(f"{place(path)} {f.name}", LONGEST_FUNCTION)
    }
    assert long == {}


def test_function__any__takes_few_parameters() -> None:
    found = {}
    for path in python(*OWN):
        for function in functions(path):
            given = function.args
            positional = [a for a in (*given.posonlyargs, *given.args) if a.arg not in {"self", "cls"}]
            if len(positional) > MOST_POSITIONAL or len(positional) + len(given.kwonlyargs) > MOST_PARAMETERS:
                found[f"{place(path, function.lineno)} {function.name}"] = len(positional), len(given.kwonlyargs)
    named = {
        "ask_gate": "the query of the API",
        "send": "the signature of requests' adapter",
        "run_model": "one question with its limits, all but two by name",
    }
    assert {where for where in found if where.split()[1] not in named} == set()


def test_folder__any__holds_few_files() -> None:
    folders: dict[str, int] = {}
    for path in python("services", "dashboard", "azure_devops_server"):
        if path.name != "__init__.py" and "versions" not in path.parts:
            folders[place(path.parent)] = folders.get(place(path.parent), 0) + 1
    assert {folder: count for folder, count in folders.items() if count > MOST_FILES} == {}


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports."""
    modules = [n.module or "" for n in ast.walk(tree_of(path)) if isinstance(n, ast.ImportFrom)]
    modules += [name.name for n in ast.walk(tree_of(path)) if isinstance(n, ast.Import) for name in n.names]
    return {module.split(".")[0] for module in modules}


def test_statement__of_the_database__stands_in_the_database_room() -> None:
    """Use cases know the stores, never SQL (docs/adr/0008)."""
    found = [p for p in python("services", "dashboard") if "sqlalchemy" in imported(p)]
    assert [place(path) for path in found if not place(path).startswith(SQL_ROOMS)] == []


def without_types(path: Path) -> list[str]:
    """Methods of a port whose answer or parameter is plain `Any`."""
    return [
        f"{place(path, function.lineno)} {function.name}"
        for function in functions(path)
        for note in (function.returns, *(argument.annotation for argument in function.args.args))
        if isinstance(note, ast.Name) and note.id == "Any"
    ]


def test_port__any_method__has_types() -> None:
    ports = [path for path in python("services") if place(path).startswith("services/ports/")]
    assert len(ports) > 5
    assert [found for path in ports for found in without_types(path)] == []


def is_timed(call: ast.Call, name: str) -> bool:
    if any(word.arg in {"timeout", None} for word in call.keywords):
        return True
    at = TIME_AT.get(name.rsplit(".", 1)[-1])
    return at is not None and len(call.args) > at


def test_outside_call__any__has_a_time_out() -> None:
    untimed = [
        place(path, node.lineno)
        for path in python(*OWN)
        if place(path) not in TIMED_ELSEWHERE
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute | ast.Name)
        and (getattr(node.func, "attr", "") or getattr(node.func, "id", "")) in CALLED
        and not (name := ast.unparse(node.func)).startswith("unit.")
        and (CALLS.search(name) or WAITING.search(name))
        and not is_timed(node, name)
    ]
    assert untimed == []


def lines_with(pattern: re.Pattern[str], *, but: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{place(path, number)}: {line.strip()[:100]}"
        for path in tracked()
        if path.suffix not in PICTURES and not place(path).startswith(but or ("-",)) and pattern.search(text_of(path))
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_text__any__holds_no_note_of_work_left_over() -> None:
    assert lines_with(NOTES) == []


def test_text__any__names_no_place_of_one_machine() -> None:
    assert lines_with(MACHINE, but=("tests/house/test_house.py",)) == []


@pytest.mark.parametrize("kind", SECRETS)
def test_text__any__holds_nothing_that_looks_like_a_secret(kind: str) -> None:
    assert lines_with(SECRETS[kind]) == []


def names_of(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    wanted = (line.split("#")[0].strip() for line in lines)
    return {re.split(r"[\[<>=!~ ;]", line)[0].lower().replace("_", "-") for line in wanted if line and line[0] != "-"}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt", "requirements-demo.txt"])
def test_requirements__every_line__is_pinned_to_one_version(file: str) -> None:
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    assert [line for line in lines if line and not PIN.match(line) and not line.startswith("-c ")] == []


def test_requirements__every_loose_input__is_pinned() -> None:
    assert names_of("requirements.in") - names_of("requirements.txt") == set()
    assert names_of("requirements-dev.in") - names_of("requirements-dev.txt") == set()


def test_requirements__pinned_in_both__are_the_same() -> None:
    """The development environment runs what production runs."""
    pins = [dict(re.findall(r"(?m)^([\w.-]+)(?:\[.*\])?==(\S+)", (ROOT / f).read_text())) for f in
            ("requirements.txt", "requirements-dev.txt")]  # fmt: skip
    assert {name: (pins[0][name], pins[1][name]) for name in pins[0].keys() & pins[1].keys()} == {
        name: (pins[0][name], pins[0][name]) for name in pins[0].keys() & pins[1].keys()
    }
