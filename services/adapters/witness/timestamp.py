"""RFC 3161 time stamps over checkpoints, through the ``openssl ts`` command.

A time stamp proves that a checkpoint existed at a time that the portal did not choose. It does not prove that there is
no other one: use it beside a witness that remembers, not instead. Notes and tokens are kept in a folder, as
``<size>.note`` and ``<size>.tsr``; anybody can check them with ``openssl ts -verify``.
"""

from __future__ import annotations

import fcntl
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from services.errors import IntegrityError, UpstreamInvalidError, UpstreamRefusedError, UpstreamUnavailableError
from services.ledger.witnessing import Receipt, checkpoint_of, is_kept

Ask = Callable[[bytes], bytes]
"""Sends a DER time stamp query to the authority and returns its DER response."""

_TIME = re.compile(r"^Time stamp: (.+) GMT$", re.MULTILINE)


@dataclass(frozen=True)
class TimeStampAuthority:
    """The authority's URL and a PEM file with its root certificate."""

    url: str
    ca_file: Path
    timeout: float = 20.0
    """Seconds for the request, and for each openssl command."""

    def ask(self, query: bytes) -> bytes:
        """POST a query (RFC 3161, 3.4)."""
        headers = {"Content-Type": "application/timestamp-query"}
        try:
            answer = requests.post(self.url, data=query, headers=headers, timeout=self.timeout)
        except requests.RequestException as error:
            raise UpstreamUnavailableError(
                f"The time stamp authority cannot be reached: {type(error).__name__}.", system="timestamp"
            ) from error
        if answer.status_code >= 500:
            raise UpstreamUnavailableError("The time stamp authority is not available.", system="timestamp")
        if answer.status_code != 200:
            raise UpstreamRefusedError(
                f"The time stamp authority refused: HTTP {answer.status_code}.", system="timestamp"
            )
        return answer.content


class TimeStampWitness:
    """Time-stamped notes in a folder."""

    def __init__(self, folder: Path, authority: TimeStampAuthority, *, name: str = "timestamp") -> None:
        self._folder = folder
        self._authority = authority
        self._name = name

    @property
    def name(self) -> str:
        """The witness's name."""
        return self._name

    def publish(self, note: str) -> Receipt:
        """Ask for a token over the note, check it, keep both."""
        checkpoint = checkpoint_of(note)
        with self._locked():
            file = self._home(checkpoint.origin) / f"{checkpoint.size:020d}.note"
            if not is_kept(self.latest(checkpoint.origin), note):
                self._stamp(file, note)
            moment = self.verify(file)
        return Receipt(self._name, checkpoint.size, moment, file.with_suffix(".tsr").name)

    def latest(self, origin: str) -> str | None:
        """The last note of an origin."""
        files = self._files(origin)
        return files[-1].read_text(encoding="utf-8") if files else None

    def all(self, origin: str) -> Sequence[str]:
        """Every note of an origin."""
        return [file.read_text(encoding="utf-8") for file in self._files(origin)]

    def check(self) -> None:
        """Request a token without storing it, and check that it comes from the trusted authority."""
        with tempfile.TemporaryDirectory() as folder:
            self._stamp(Path(folder) / "check.note", "countersign doctor\n")

    def verify(self, file: Path) -> datetime:
        """The time in the token beside a note file; `IntegrityError` when the token does not fit the note."""
        token = file.with_suffix(".tsr")
        if not self._covers(file, token):
            raise IntegrityError(
                f"The time stamp {token.name} does not belong to its checkpoint, or to this authority."
            )
        shown = self._openssl("-reply", "-in", str(token), "-text").stdout
        match = _TIME.search(shown)
        if match is None:
            raise UpstreamInvalidError("The time stamp contains no time.", system="timestamp")
        return _parse_time(match[1])

    def _stamp(self, file: Path, note: str) -> None:
        """The note counts as kept once it has its final name, so that name comes last."""
        file.parent.mkdir(parents=True, exist_ok=True)
        draft, query, token = (file.with_suffix(suffix) for suffix in (".draft", ".tsq", ".tsr"))
        draft.write_text(note, encoding="utf-8")
        made = self._openssl("-query", "-data", str(draft), "-sha256", "-cert", "-out", str(query))
        if made.returncode != 0:
            raise IntegrityError("openssl could not make a time stamp query.")
        token.write_bytes(self._authority.ask(query.read_bytes()))
        if not self._covers(draft, token):
            raise UpstreamInvalidError(
                "The time stamp authority's answer does not cover the checkpoint.", system="timestamp"
            )
        query.unlink()
        draft.rename(file)

    def _covers(self, file: Path, token: Path) -> bool:
        trusted = ("-CAfile", str(self._authority.ca_file))
        return self._openssl("-verify", "-data", str(file), "-in", str(token), *trusted).returncode == 0

    def _files(self, origin: str) -> list[Path]:
        return sorted(self._home(origin).glob("*.note"))

    def _home(self, origin: str) -> Path:
        return self._folder / "".join(c if c.isalnum() or c in "-._" else "-" for c in origin)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _openssl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["openssl", "ts", *arguments],
                capture_output=True,
                text=True,
                check=False,
                timeout=self._authority.timeout,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpstreamUnavailableError(
                "The openssl command cannot be run.", system="timestamp", hint="Install OpenSSL 3."
            ) from error


def _parse_time(text: str) -> datetime:
    """The form that openssl prints, ``Nov 21 07:00:00 2026``, with or without fractions of a second."""
    day, month_time = " ".join(text.split()), "%b %d %H:%M:%S"
    form = f"{month_time}.%f %Y" if "." in day else f"{month_time} %Y"
    return datetime.strptime(day, form).replace(tzinfo=UTC)
