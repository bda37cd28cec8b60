"""Bare Git repositories through the ``git`` program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from azure_devops_server.values import parse_time

_TIMEOUT = 60.0
_SHA = re.compile(r"[0-9a-f]{40}")
_NOTHING = "0" * 40
_FIELDS = "%H%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%P%x1f%T%x1f%B%x1e"
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Demo Administrator",
    "GIT_AUTHOR_EMAIL": "administrator@demo.invalid",
    "GIT_COMMITTER_NAME": "Demo Administrator",
    "GIT_COMMITTER_EMAIL": "administrator@demo.invalid",
}


class GitError(Exception):
    """Git refused, or what was asked for is not in the repository."""


@dataclass(frozen=True)
class Commit:
    """A commit; times are aware."""

    id: str
    author: str
    author_email: str
    authored: datetime
    committer: str
    committer_email: str
    committed: datetime
    parents: tuple[str, ...]
    tree: str
    message: str


@dataclass(frozen=True)
class Note:
    """What a new commit says: its message and author."""

    message: str
    author: str
    email: str


@dataclass(frozen=True)
class Item:
    """A file or folder of a commit; its path starts with a slash."""

    path: str
    object_id: str
    is_folder: bool


class GitRepository:
    """One bare repository below the server's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, branch: str = "refs/heads/main") -> None:
        """Make it, empty, unless it is there."""
        if not (self.path / "HEAD").exists():
            self.path.mkdir(parents=True, exist_ok=True)
            self._run("init", "--quiet", "--bare", f"--initial-branch={branch.removeprefix('refs/heads/')}", ".")

    def commit_folder(self, folder: Path, *, branch: str = "refs/heads/main", message: str = "Import") -> str:
        """Commit all files of a folder, as they are now, on top of a branch; returns the commit id.

        Files that the folder's own ``.gitignore`` names are left out, and so is a ``.git`` folder.
        """
        if not folder.is_dir():
            raise GitError(f"{folder} is not a folder")
        with tempfile.TemporaryDirectory(prefix="import-", dir=self.path) as scratch:
            extra = {"GIT_INDEX_FILE": str(Path(scratch) / "index"), "GIT_WORK_TREE": str(folder.resolve())}
            self._run("add", "--all", "--", ":/", extra=extra, cwd=folder)
            tree = self._run("write-tree", extra=extra).decode().strip()
        head = self.resolve(branch)
        if head is not None and self._run("rev-parse", f"{head}^{{tree}}").decode().strip() == tree:
            return head
        parents = ["-p", head] if head else []
        commit = self._run("commit-tree", tree, *parents, "-m", message).decode().strip()
        self._run("update-ref", branch, commit)
        return commit

    def resolve(self, ref: str) -> str | None:
        """The commit id of a branch, tag or id; None if there is none."""
        if ref.startswith("-"):
            return None
        try:
            found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        except GitError:
            return None
        sha = found.decode().strip()
        return sha if _SHA.fullmatch(sha) else None

    def read(self, commit: str, path: str) -> str:
        """A text file of a commit; GitError where it is missing or no text."""
        try:
            return self.read_bytes(commit, path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise GitError(f"{path} is not UTF-8 text") from error

    def read_bytes(self, commit: str, path: str) -> bytes:
        """A file of a commit."""
        return self._run("cat-file", "blob", f"{commit}:{path.lstrip('/')}")

    def items(self, commit: str, folder: str = "/", *, recursive: bool = False) -> list[Item]:
        """What a folder of a commit holds; for a file, that file alone."""
        inside = folder.strip("/")
        flags = ["-r", "-t"] if recursive else []
        kind = "tree" if not inside else self._run("cat-file", "-t", f"{commit}:{inside}").decode().strip()
        place = f"{inside}/" if inside and kind == "tree" else inside
        spec = ["--", place] if place else []
        listing = self._run("ls-tree", "-z", "--full-tree", *flags, commit, *spec).decode("utf-8", "surrogateescape")
        return [_item(line) for line in listing.split("\0") if line]

    def commits(self, ref: str, *, top: int = 100, skip: int = 0, path: str = "") -> list[Commit]:
        """History of a ref, newest first."""
        spec = ["--", path.strip("/")] if path.strip("/") else []
        options = [f"--max-count={top}", f"--skip={skip}", f"--format={_FIELDS}", "--end-of-options"]
        text = self._run("log", *options, ref, *spec)
        return [_commit(part) for part in text.decode("utf-8", "replace").split("\x1e") if part.strip()]

    def count(self, ref: str) -> int:
        """Number of commits that lead to a ref."""
        return int(self._run("rev-list", "--count", "--end-of-options", ref).decode())

    def refs(self) -> dict[str, str]:
        """Commit ids by full ref name."""
        text = self._run("for-each-ref", "--format=%(refname) %(objectname)").decode()
        return dict(line.split(" ", 1) for line in text.splitlines())

    def checkout(self, commit: str, target: Path) -> None:
        """A fresh clone of the repository at a commit, with its history, in a new folder."""
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._run("clone", "--quiet", "--shared", "--no-checkout", str(self.path.resolve()), str(target.resolve()))
        self._run("checkout", "--quiet", "--detach", commit, cwd=target, bare=False)

    def commit_changes(
        self, branch: str, changes: Mapping[str, bytes | None], *, parent: str | None, note: Note
    ) -> str:
        """Write, or with None remove, files on top of a parent and move the branch to it; returns the commit id.

        GitError where the branch is no longer at the parent.
        """
        with tempfile.TemporaryDirectory(prefix="push-", dir=self.path) as scratch:
            extra = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            if parent:
                self._run("read-tree", parent, extra=extra)
            for path, content in changes.items():
                row = f"0 {_NOTHING}" if content is None else f"100644 {self._blob(content)}"
                self._run("update-index", "-z", "--index-info", extra=extra, feed=f"{row}\t{path}\0".encode())
            tree = self._run("write-tree", extra=extra).decode().strip()
        parents = ["-p", parent] if parent else []
        named = {"GIT_AUTHOR_NAME": note.author, "GIT_AUTHOR_EMAIL": note.email}
        commit = self._run("commit-tree", tree, *parents, "-m", note.message, extra=named).decode().strip()
        self._run("update-ref", branch, commit, parent or _NOTHING)
        return commit

    def _blob(self, content: bytes) -> str:
        return self._run("hash-object", "-w", "--stdin", feed=content).decode().strip()

    def _run(
        self,
        *arguments: str,
        extra: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        bare: bool = True,
        feed: bytes = b"",
    ) -> bytes:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        environment |= {**_IDENTITY, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, **(extra or {})}
        if bare and arguments[0] not in ("init", "clone"):
            environment["GIT_DIR"] = str(self.path.resolve())
        settings = ["-c", "core.autocrlf=false", "-c", "safe.directory=*", "-c", "core.hooksPath=" + os.devnull]
        try:
            done = subprocess.run(
                ["git", *settings, *arguments],
                cwd=cwd or self.path,
                env=environment,
                capture_output=True,
                input=feed,
                check=False,
                timeout=_TIMEOUT,
            )
        except FileNotFoundError as error:
            raise GitError("The program 'git' was not found. Install git and put it on the PATH.") from error
        except subprocess.TimeoutExpired as error:
            raise GitError(f"git {arguments[0]} took longer than {_TIMEOUT:.0f} seconds") from error
        if done.returncode:
            raise GitError(done.stderr.decode("utf-8", "replace").strip() or f"git {arguments[0]} failed")
        return done.stdout


def _item(line: str) -> Item:
    meta, path = line.split("\t", 1)
    _, kind, object_id = meta.split(" ")
    return Item(path=f"/{path}", object_id=object_id, is_folder=kind == "tree")


def _commit(text: str) -> Commit:
    values = text.lstrip("\n").split("\x1f")
    return Commit(
        id=values[0],
        author=values[1],
        author_email=values[2],
        authored=parse_time(values[3]),
        committer=values[4],
        committer_email=values[5],
        committed=parse_time(values[6]),
        parents=tuple(values[7].split()),
        tree=values[8],
        message=values[9].strip("\n"),
    )
