"""A witness that is an Azure Blob container with a locked, time-based immutability policy.

Each month is one append blob, ``<name of the log>/<year>-<month>.txt``, and a further one (``…_002.txt``) whenever the
50 000 blocks that an append blob holds are used up. *Append Block* names the length that the
portal saw (``x-ms-blob-condition-appendpos``), so check and store are one step: a concurrent writer gets 412 and reads
again. The policy must allow protected append writes; then nobody, administrators included, can change or delete what
was appended until the retention ends. REST as in learn.microsoft.com/rest/api/storageservices (Put Blob, Append Block,
Get Blob, List Blobs, Get Container Properties).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # the service's own answers; expat here refuses entity bombs
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import requests

from services.adapters.http.bodies import TooLongError, keep_body
from services.adapters.witness.note_file import framed
from services.errors import (
    ConflictError,
    SettingsError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from services.ledger.witnessing import Receipt, checkpoint_of, is_kept, notes_of
from services.ledger.writer import Clock

BODY_LIMIT = 64 * 1024 * 1024
API_VERSION = "2023-11-03"
STORAGE_SCOPE = "https://storage.azure.com/.default"
FULL = "BlockCountExceedsLimit"
_ATTEMPTS = 5


def _utc_now() -> datetime:
    return datetime.now(UTC)


def entra_token() -> Callable[[], str]:
    """Bearer tokens of the portal's own identity (managed identity, workload identity, or environment)."""
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential()
    return lambda: credential.get_token(STORAGE_SCOPE).token


@dataclass(frozen=True)
class BlobContainer:
    """Where: the container's URL, and either a SAS (without ``?``) or a source of bearer tokens."""

    url: str
    sas: str = field(default="", repr=False)
    token: Callable[[], str] | None = field(default=None, repr=False)
    timeout: float = 20.0
    """Seconds for each request."""


class AzureBlobWitness:
    """Notes in immutable append blobs."""

    def __init__(self, container: BlobContainer, *, name: str = "azure-blob", clock: Clock = _utc_now) -> None:
        self._container = container
        self._name = name
        self._clock = clock
        self._session = requests.Session()

    @property
    def name(self) -> str:
        """The witness's name."""
        return self._name

    def check(self) -> None:
        """`SettingsError` unless the container has an immutability policy; for start-up and the doctor."""
        answer = self._send("HEAD", "", {"restype": "container"}, ok=(200,))
        if answer.headers.get("x-ms-has-immutability-policy", "false").lower() != "true":
            raise SettingsError(
                f"The container of witness {self._name} has no immutability policy.",
                hint="Lock a time-based retention policy on it that allows protected append writes.",
            )

    def publish(self, note: str) -> Receipt:
        """Read, check and append at the length that was read."""
        checkpoint = checkpoint_of(note)
        folder = _folder(checkpoint.origin)
        for _ in range(_ATTEMPTS):
            # A later month than ours exists when another replica's clock is ahead; the log goes on there.
            blob = max([f"{folder}{self._clock():%Y-%m}.txt", *self._list(folder)])
            content = self._read(blob)
            if content is None:
                self._create(blob)
                continue
            if is_kept(self._latest_with(content, checkpoint.origin), note):
                return Receipt(self._name, checkpoint.size, self._clock(), blob)
            answer = self._append(blob, framed(note), len(content))
            if answer is not None and answer.status_code == 409:
                self._create(_after(blob))
            elif answer is not None:
                return Receipt(self._name, checkpoint.size, _service_time(answer), f"{blob} {answer.headers['ETag']}")
        raise ConflictError(f"Witness {self._name} is busy: every append lost to a concurrent one.")

    def latest(self, origin: str) -> str | None:
        """The last note of an origin."""
        for blob in reversed(self._list(_folder(origin))):
            notes = notes_of((self._read(blob) or b"").decode(), origin)
            if notes:
                return notes[-1]
        return None

    def all(self, origin: str) -> Sequence[str]:
        """Every note of an origin."""
        blobs = self._list(_folder(origin))
        return [note for blob in blobs for note in notes_of((self._read(blob) or b"").decode(), origin)]

    def _latest_with(self, content: bytes, origin: str) -> str | None:
        """The last note, given this month's content; earlier months are read only when it has none."""
        notes = notes_of(content.decode(), origin)
        return notes[-1] if notes else self.latest(origin)

    def _read(self, blob: str) -> bytes | None:
        answer = self._send("GET", blob, {}, ok=(200, 404))
        return None if answer.status_code == 404 else answer.content

    def _create(self, blob: str) -> None:
        """Put an empty append blob; 409 or 412 means somebody else just did."""
        headers = {"x-ms-blob-type": "AppendBlob", "If-None-Match": "*", "Content-Type": "text/plain; charset=utf-8"}
        self._send("PUT", blob, {}, headers=headers, body=b"", ok=(201, 409, 412))

    def _append(self, blob: str, content: bytes, length: int) -> requests.Response | None:
        """None when the blob grew since it was read; 409 when it takes no more blocks."""
        headers = {"x-ms-blob-condition-appendpos": str(length)}
        query = {"comp": "appendblock"}
        answer = self._send("PUT", blob, query, headers=headers, body=content, ok=(201, 412), full=409)
        return None if answer.status_code == 412 else answer

    def _list(self, prefix: str) -> list[str]:
        names: list[str] = []
        marker = ""
        while True:
            query = {"restype": "container", "comp": "list", "prefix": prefix}
            page = self._parse(self._send("GET", "", query | ({"marker": marker} if marker else {}), ok=(200,)))
            names += [name.text for name in page.iterfind("Blobs/Blob/Name") if name.text]
            marker = page.findtext("NextMarker") or ""
            if not marker:
                return sorted(names)

    def _parse(self, answer: requests.Response) -> ET.Element:
        try:
            return ET.fromstring(answer.content)  # noqa: S314 - see the import
        except ET.ParseError as error:
            raise UpstreamInvalidError(
                f"Witness {self._name} answered something that is not a blob list.", system="witness"
            ) from error

    def _send(
        self,
        method: str,
        blob: str,
        query: Mapping[str, str],
        *,
        ok: tuple[int, ...],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        full: int = 0,
    ) -> requests.Response:
        base = self._container.url.rstrip("/") + (f"/{quote(blob)}" if blob else "")
        try:
            answer = self._session.request(
                method,
                f"{base}?{self._container.sas}" if self._container.sas else base,
                params=dict(query),
                headers={"x-ms-version": API_VERSION, **self._authorization(), **(headers or {})},
                data=body,
                timeout=self._container.timeout,
                allow_redirects=False,
                stream=True,
            )
            with answer:
                keep_body(answer, BODY_LIMIT)
        except TooLongError:
            raise UpstreamInvalidError(
                f"Witness {self._name} answered with more than 64 MiB.", system="witness"
            ) from None
        except requests.RequestException as error:
            # The error's own text may hold the SAS, so only its kind is shown.
            raise UpstreamUnavailableError(
                f"Witness {self._name} cannot be reached: {type(error).__name__}.", system="witness"
            ) from None
        is_full = answer.status_code == full and answer.headers.get("x-ms-error-code") == FULL
        self._refuse(answer, (*ok, full) if is_full else ok)
        return answer

    def _authorization(self) -> Mapping[str, str]:
        token = self._container.token
        return {"Authorization": f"Bearer {token()}"} if token is not None else {}

    def _refuse(self, answer: requests.Response, ok: tuple[int, ...]) -> None:
        if answer.status_code in ok:
            return
        code = answer.headers.get("x-ms-error-code", f"HTTP {answer.status_code}")
        if answer.status_code >= 500 or answer.status_code == 429:
            raise UpstreamUnavailableError(f"Witness {self._name} is not available: {code}.", system="witness")
        raise UpstreamRefusedError(
            f"Witness {self._name} refused: {code}.",
            system="witness",
            hint="Check the container, its policy, and the portal's right to add blobs.",
        )


def _folder(origin: str) -> str:
    """The blobs' prefix: the origin without characters that a blob name treats specially."""
    return "".join(c if c.isalnum() or c in "-._" else "-" for c in origin) + "/"


def _after(blob: str) -> str:
    """The blob that follows a full one of the same month; its name sorts behind it and before the next month's."""
    month, _, number = blob.removesuffix(".txt").partition("_")
    return f"{month}_{int(number or 1) + 1:03d}.txt"


def _service_time(answer: requests.Response) -> datetime:
    """The storage service's clock, which the portal does not choose."""
    return parsedate_to_datetime(answer.headers["Last-Modified"]).astimezone(UTC)
