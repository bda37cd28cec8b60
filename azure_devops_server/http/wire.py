"""A request taken apart, and an answer before it is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure_devops_server.http.errors import bad_request
from azure_devops_server.values import choose, choose_flags, parse_time

_VERSION = re.compile(r"api-version=([^;,&\s]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Caller:
    """Who asks: an identity, and the build whose job token was used, if it was one."""

    identity_id: str
    build_id: int | None = None


@dataclass(frozen=True)
class Answer:
    """What to send. `document` is written as JSON; otherwise `content` is sent as it is."""

    document: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    media_type: str = "application/json"


@dataclass(frozen=True)
class Call:
    """One request to the organization. `route` holds the values of its path, `query` keys are in lower case."""

    method: str
    path: str
    route: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller

    @property
    def version(self) -> str | None:
        """The api-version asked for, by query or by Accept header; None if there is none."""
        if given := self.query.get("api-version"):
            return given
        found = _VERSION.search(self.headers.get("accept", ""))
        return found.group(1) if found else None

    @property
    def accept(self) -> str:
        """The media type asked for: the query's `$format` before the Accept header."""
        asked = self.query.get("$format", "").casefold()
        if asked:
            return {"zip": "application/zip", "text": "text/plain", "octetstream": "application/octet-stream"}.get(
                asked, "application/json"
            )
        return self.headers.get("accept", "").split(";")[0].split(",")[0].strip().casefold()

    def json(self) -> Any:
        """The body as JSON; 400 where it is none, or holds half of a character. A byte order mark is skipped."""
        try:
            document = json.loads(self.body.decode("utf-8-sig")) if self.body.strip() else None
            if b"\\u" in self.body:
                json.dumps(document, ensure_ascii=False).encode()
        except (UnicodeError, json.JSONDecodeError, RecursionError) as error:
            raise bad_request(f"The request body is not valid JSON: {error}") from error
        return document

    def document(self) -> Fields:
        """The body as a JSON object whose keys are read in any case."""
        body = self.json()
        if not isinstance(body, dict):
            raise bad_request("Value cannot be null. A JSON object is expected in the request body.")
        return Fields(body)

    def number(self, name: str, default: int | None = None, *, least: int = 0) -> int | None:
        """A whole number of the query; 400 where it is none or too small."""
        text = self.query.get(name.casefold(), "")
        if not text:
            return default
        if not text.lstrip("-").isdigit() or int(text) < least:
            raise bad_request(f"The value '{text}' of the query parameter '{name}' is not valid.")
        return int(text)

    def flag(self, name: str) -> bool:
        """A boolean of the query."""
        return self.query.get(name.casefold(), "").casefold() in ("true", "1")

    def moment(self, name: str) -> Any:
        """A time of the query, or None; 400 where it is none."""
        text = self.query.get(name.casefold(), "")
        if not text:
            return None
        try:
            return parse_time(text)
        except ValueError as error:
            raise bad_request(f"The value '{text}' of the query parameter '{name}' is not a date.") from error

    def choice(self, name: str, names: Sequence[str], default: str) -> str:
        """An enum of the query, by name or number; 400 where it is none."""
        text = self.query.get(name.casefold(), "")
        return chosen(text, names, name=name) if text else default


@dataclass(frozen=True)
class Fields:
    """A JSON object read by keys in any case: clients write `definitionId` and `DefinitionId`."""

    raw: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.raw, Mapping):
            raise bad_request(f"A JSON object is expected instead of {json.dumps(self.raw)[:80]}.")

    def get(self, name: str, default: Any = None) -> Any:
        """A value; the default where the key is missing or null."""
        wanted = name.casefold()
        for key, value in self.raw.items():
            if key.casefold() == wanted:
                return default if value is None else value
        return default

    def text(self, name: str, default: str = "") -> str:
        """A value as text."""
        value = self.get(name, default)
        if isinstance(value, dict | list):
            raise bad_request(f"The property '{name}' must be a text.")
        return str(value)

    def object(self, name: str) -> Fields:
        """A nested object; an empty one where it is missing."""
        value = self.get(name, {})
        if not isinstance(value, dict):
            raise bad_request(f"The property '{name}' must be an object.")
        return Fields(value)

    def array(self, name: str) -> list[Any]:
        """A list; an empty one where it is missing."""
        value = self.get(name, [])
        if not isinstance(value, list):
            raise bad_request(f"The property '{name}' must be an array.")
        return value

    def number(self, name: str) -> int | None:
        """A whole number, also when it is written as text."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not str(value).isdigit():
            raise bad_request(f"The property '{name}' must be a number.")
        return int(value)


def chosen(value: Any, names: Sequence[str], *, name: str, numbers: dict[int, str] | None = None) -> str:
    """An enum value by name or number; 400 where it is none."""
    try:
        return choose(value, names, numbers)
    except ValueError as error:
        raise bad_request(f"The value {value!r} of '{name}' is not valid: {error}.") from error


def chosen_flags(text: str | None, names: Sequence[str], *, name: str, numbers: dict[int, str]) -> set[str]:
    """Values of a flags enum, by names or one number of added bits; 400 where a part is none."""
    try:
        return choose_flags(text, names, numbers)
    except ValueError as error:
        raise bad_request(f"The value {text!r} of '{name}' is not valid: {error}.") from error


def collection(items: Sequence[Any], headers: Mapping[str, str] | None = None) -> Answer:
    """The wrapper of every list."""
    return Answer({"count": len(items), "value": list(items)}, headers=headers or {})


def text_answer(text: str) -> Answer:
    """Plain text."""
    return Answer(content=text.encode(), media_type="text/plain")


def file_answer(content: bytes, *, name: str, media_type: str = "application/octet-stream") -> Answer:
    """A download."""
    plain = re.sub(r"[^\w. ()-]", "_", Path(name).name, flags=re.ASCII)
    return Answer(
        content=content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{plain}"'}
    )


def no_content() -> Answer:
    """204."""
    return Answer(status=204, content=b"")
