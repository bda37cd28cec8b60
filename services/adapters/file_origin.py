"""Where a file of the settings comes from: the last commit that touched it, if it lies in a Git repository."""

from __future__ import annotations

import getpass
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

SECONDS = 5.0


def origin_of(path: Path) -> Mapping[str, str]:
    """Host and account of this process, and commit, author and date of the file; what is unknown is left out."""
    found = {"host": platform.node(), "account": _account()}
    commit = _git(path, "log", "-1", "--format=%H%x00%an%x00%aI", "--", path.name)
    if commit and commit.count("\0") == 2:
        found |= dict(zip(("commit", "author", "committed"), commit.split("\0"), strict=True))
        is_clean = _git(path, "status", "--porcelain", "--", path.name) == ""
        found["file"] = "as committed" if is_clean else "edited since the commit"
    return {name: value for name, value in found.items() if value}


def _git(path: Path, *arguments: str) -> str | None:
    """What Git says, or None: no Git, no repository, no answer in time."""
    command = ["git", "-C", str(path.resolve().parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip("\n")


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""  # a container may run under a number without a name
