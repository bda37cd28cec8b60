"""File patterns of tasks: ``**``, ``*``, ``?``, ``[abc]``, several lines, ``!`` to leave out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


def matcher(patterns: str) -> Callable[[str], bool]:
    """A test for paths with ``/``; patterns stand one a line, later lines win."""
    rules = [_rule(line.strip()) for line in patterns.splitlines() if line.strip() and not line.startswith("#")]

    def matches(path: str) -> bool:
        taken = False
        for wanted, expression in rules:
            if expression.fullmatch(path):
                taken = wanted
        return taken

    return matches


def _rule(pattern: str) -> tuple[bool, re.Pattern[str]]:
    wanted = not pattern.startswith("!")
    text = pattern if wanted else pattern[1:].lstrip()
    return wanted, re.compile("".join(_parts(text.removeprefix("./"))))


def _parts(pattern: str) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            yield "(?:[^/]+/)*"
            at += 3
        elif pattern.startswith("**", at):
            yield ".*"
            at += 2
        elif pattern[at] == "[" and "]" in pattern[at + 2 :]:
            end = pattern.index("]", at + 2)
            yield _character_set(pattern[at + 1 : end])
            at = end + 1
        else:
            yield {"*": "[^/]*", "?": "[^/]"}.get(pattern[at]) or re.escape(pattern[at])
            at += 1


def _character_set(inside: str) -> str:
    negated = inside[0] in "!^"
    body = inside[1:] if negated else inside
    return f"[{'^' if negated else ''}{body.replace(chr(92), chr(92) * 2)}]"


def find_files(folder: Path, patterns: str) -> list[Path]:
    """Files below a folder, sorted; patterns are relative to it or absolute."""
    root = folder.as_posix().rstrip("/")
    relative = "\n".join(_relative(line, root) for line in patterns.splitlines())
    matches = matcher(relative)
    return sorted(path for path in _files(folder) if matches(path.relative_to(folder).as_posix()))


def _relative(line: str, root: str) -> str:
    mark = "!" if line.strip().startswith("!") else ""
    return mark + line.strip().removeprefix("!").strip().removeprefix(f"{root}/")


def _files(folder: Path) -> Iterable[Path]:
    for current, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        yield from (Path(current) / name for name in files)
