"""A small Git repository with the training code: one commit per version, by its author, so that commits exist."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from demo.people import DemoPerson
from demo.world.training import RECIPES, Recipe

SOURCE = Path(__file__).with_name("training.py")
GIT_SECONDS = 30


class RepositoryError(Exception):
    """The training code cannot be committed; the message says why."""


def build_repository(folder: Path) -> dict[int, str]:
    """Commit the training code once per version, in a new folder; returns version to commit id.

    Raises RepositoryError if git is missing or refuses.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _git(folder, "init", "-q", "-b", "main")
    return {recipe.version: _commit(folder, recipe) for recipe in RECIPES}


def _commit(folder: Path, recipe: Recipe) -> str:
    (folder / "train.py").write_text(SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "version.txt").write_text(f"{recipe.version}: {recipe.title}\n{recipe.note}\n", encoding="utf-8")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", f"Train version {recipe.version}: {recipe.title}", author=recipe.author)
    return _git(folder, "rev-parse", "HEAD").strip()


def _git(folder: Path, *arguments: str, author: DemoPerson | None = None) -> str:
    who = (author.name, author.email) if author else ("Countersign demo", "demo@example.com")
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": who[0],
        "GIT_AUTHOR_EMAIL": who[1],
        "GIT_COMMITTER_NAME": who[0],
        "GIT_COMMITTER_EMAIL": who[1],
    }
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env=environment, capture_output=True, text=True, timeout=GIT_SECONDS, check=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise RepositoryError("git is not installed; the demo commits its training code with it.") from error
    except subprocess.SubprocessError as error:
        raise RepositoryError(f"git {arguments[0]} failed: {getattr(error, 'stderr', '') or error}") from error
    return done.stdout
