"""A witness that is a Git repository: Azure Repos in another project, or any other remote.

Each checkpoint is appended to ``checkpoints/<year>-<month>.txt``, committed and pushed without force; every clone is
one more witness. The remote's branch policy should deny force push and deletion to the portal's account. The private
clone remembers where the branch was: a remote whose history was rewritten is refused, not followed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.adapters.witness.note_file import framed
from services.errors import ConflictError, IntegrityError, UpstreamRefusedError, UpstreamUnavailableError
from services.ledger.witnessing import Receipt, checkpoint_of, is_kept, notes_of
from services.ledger.writer import Clock

_PUSH_ATTEMPTS = 5
_FOLDER = "checkpoints"
_PASSED_ON = ("PATH", "HOME", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "http_proxy", "https_proxy", "no_proxy")
_REJECTED = ("[rejected]", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref")
_UNKNOWN_HERE = ("could not read Username", "Authentication failed", "error: 401", "error: 403")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class GitRemote:
    """Where to push: URL or path, branch, and the private clone's folder. `header` is an HTTP header with a secret."""

    url: str
    clone: Path
    branch: str = "main"
    header: str = ""
    timeout: float = 30.0
    """Seconds for each git command."""

    def __repr__(self) -> str:
        return f"GitRemote(branch={self.branch!r})"


class GitWitness:
    """Notes in a Git repository."""

    def __init__(self, remote: GitRemote, *, name: str = "git", clock: Clock = _utc_now) -> None:
        self._remote = remote
        self._name = name
        self._clock = clock
        self._known_ref = f"refs/witness/{remote.branch}"

    @property
    def name(self) -> str:
        """The witness's name."""
        return self._name

    def publish(self, note: str) -> Receipt:
        """Fetch, check, append, commit, push; another portal's push in between means once more from the start."""
        checkpoint = checkpoint_of(note)
        with self._locked():
            for _ in range(_PUSH_ATTEMPTS):
                self._fetch()
                if is_kept(self._latest(checkpoint.origin), note) or self._push(note, checkpoint.size):
                    return Receipt(self._name, checkpoint.size, self._clock(), self._commit())
        raise ConflictError(f"Witness {self._name} is busy: every push lost to a concurrent one.")

    def latest(self, origin: str) -> str | None:
        """The last note of an origin at the remote, now."""
        with self._locked():
            self._fetch()
            return self._latest(origin)

    def all(self, origin: str) -> Sequence[str]:
        """Every note of an origin at the remote, now."""
        with self._locked():
            self._fetch()
            return [n for file in self._files() for n in notes_of(file.read_text(encoding="utf-8"), origin)]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        clone = self._remote.clone
        clone.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (clone / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (clone / "repository" / ".git").exists():
                self._remove_stale_locks()
            else:
                self._start_over()
            yield

    def _fetch(self) -> None:
        """Bring the clone to the remote's branch; refuse a branch that lost commits which were there before."""
        branch = self._remote.branch
        listed = self._git("ls-remote", self._remote.url, f"refs/heads/{branch}").stdout
        known = self._known()
        if not listed.strip():
            if known:
                raise self._rewritten()
            self._start_over()
            return
        self._git("fetch", "--quiet", "--no-tags", self._remote.url, f"+refs/heads/{branch}:refs/witness/incoming")
        if known and self._git("merge-base", "--is-ancestor", known, "refs/witness/incoming", ok=(0, 1)).returncode:
            raise self._rewritten()
        self._git("update-ref", self._known_ref, "refs/witness/incoming")
        self._git("checkout", "--quiet", "--force", "-B", branch, self._known_ref)

    def _push(self, note: str, size: int) -> bool:
        """True when the remote took the commit, False when somebody else was first."""
        newest = max([f"{self._clock():%Y-%m}.txt", *(file.name for file in self._files())])
        file = self._folder / newest
        file.parent.mkdir(exist_ok=True)
        with file.open("ab") as stream:
            stream.write(framed(note))
        self._git("add", "--", f"{_FOLDER}/{file.name}")
        self._git("commit", "--quiet", "--no-gpg-sign", "-m", f"Checkpoint of {size} entries")
        branch = self._remote.branch
        pushed = self._git("push", "--quiet", self._remote.url, f"HEAD:refs/heads/{branch}", ok=(0, 1))
        if pushed.returncode == 0:
            self._git("update-ref", self._known_ref, "HEAD")
            return True
        if not any(word in pushed.stderr for word in _REJECTED):
            raise self._refused(pushed.stderr)
        return False

    def _start_over(self) -> None:
        """An empty clone; what a crash left unpushed in the old one was never receipted."""
        shutil.rmtree(self._remote.clone / "repository", ignore_errors=True)
        self._git("init", "--quiet", "--initial-branch", self._remote.branch, "repository", inside=False)

    def _remove_stale_locks(self) -> None:
        """A git command that was killed leaves lock files; nobody else works in this clone while we hold ours."""
        for lock in (self._remote.clone / "repository" / ".git").rglob("*.lock"):
            lock.unlink()

    def _latest(self, origin: str) -> str | None:
        """The last note of an origin in the clone, looked for from the newest file back."""
        for file in reversed(self._files()):
            notes = notes_of(file.read_text(encoding="utf-8"), origin)
            if notes:
                return notes[-1]
        return None

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.txt"))

    def _known(self) -> str:
        return self._git("rev-parse", "--verify", "--quiet", self._known_ref, ok=(0, 1)).stdout.strip()

    def _commit(self) -> str:
        return self._git("rev-parse", self._known_ref).stdout.strip()

    @property
    def _folder(self) -> Path:
        return self._remote.clone / "repository" / _FOLDER

    def _git(
        self, *arguments: str, ok: tuple[int, ...] = (0,), inside: bool = True
    ) -> subprocess.CompletedProcess[str]:
        folder = self._remote.clone / "repository" if inside else self._remote.clone
        command = ["git", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=self._environment(),
                timeout=self._remote.timeout,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            raise UpstreamUnavailableError(
                f"Witness {self._name}: git {arguments[0]} took longer than {self._remote.timeout:g} s.",
                system="witness",
            ) from error
        except OSError as error:
            raise UpstreamUnavailableError(
                f"Witness {self._name}: git cannot be started.", system="witness", hint="Install git."
            ) from error
        if done.returncode not in ok:
            raise self._refused(done.stderr)
        return done

    def _environment(self) -> Mapping[str, str]:
        """A clean environment; the secret header goes in here, so that no process list shows it."""
        fixed = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C",
            "GIT_AUTHOR_NAME": "Countersign",
            "GIT_AUTHOR_EMAIL": "countersign@localhost",
            "GIT_COMMITTER_NAME": "Countersign",
            "GIT_COMMITTER_EMAIL": "countersign@localhost",
        }
        if self._remote.header:
            fixed |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": self._remote.header,
            }
        return {key: os.environ[key] for key in _PASSED_ON if key in os.environ} | fixed

    def _refused(self, stderr: str) -> UpstreamUnavailableError | UpstreamRefusedError:
        last = (stderr.strip().splitlines() or ["no message"])[-1].replace(self._remote.url, "<remote>")
        if any(word in stderr for word in _UNKNOWN_HERE):
            return UpstreamRefusedError(
                f"Witness {self._name} rejected the token.",
                system="witness",
                hint="Set COUNTERSIGN_WITNESS_GIT_TOKEN to one that may read and contribute code, and has not expired.",
            )
        if any(word in stderr for word in ("Could not resolve", "unable to access", "timed out", "Connection")):
            return UpstreamUnavailableError(f"Witness {self._name} cannot be reached: {last}", system="witness")
        return UpstreamRefusedError(
            f"Witness {self._name} refused: {last}",
            system="witness",
            hint="Check the remote's address, the branch, and the portal account's right to contribute.",
        )

    def _rewritten(self) -> IntegrityError:
        return IntegrityError(
            f"The history of witness {self._name} was rewritten: known commits are missing.",
            hint="Deny force push and deletion on the branch, and compare with another clone.",
        )
