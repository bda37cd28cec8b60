"""Addresses of pages, and their parsing. Any name survives the round trip."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from services.domain.registry import VersionKey
from services.errors import InvalidInputError

QUEUE = "views/queue.py"
MODELS = "views/models.py"
VERSION = "views/version.py"
COMPARE = "views/compare.py"
REQUESTS = "views/requests.py"
REQUEST = "views/request.py"
RELEASES = "views/releases.py"
RELEASE = "views/release.py"
LOG = "views/log.py"
WHY = "views/why.py"
COVERAGE = "views/coverage.py"

Params = dict[str, str]


def version_params(key: VersionKey) -> Params:
    """Query of the version page."""
    return {"model": key.model, "version": str(key.version)}


def compare_params(model: str, versions: list[int]) -> Params:
    """Query of the compare page; the first version is the baseline."""
    return {"model": model, "versions": ",".join(str(version) for version in versions)}


def request_params(request_id: str) -> Params:
    """Query of the request page."""
    return {"id": request_id}


WAITS_FOR_ME, ASKED_BY_ME = "waits for me", "asked by me"
"""Views of the list of requests that are about the person who looks."""


def requests_params(view: str) -> Params:
    """Query of the list of requests."""
    return {"requests_view": view}


def release_params(project: str, run_id: int) -> Params:
    """Query of the release page."""
    return {"project": project, "run": str(run_id)}


def address(page: str, params: Mapping[str, str]) -> str:
    """The address of a page, relative to the server."""
    path = "/" + page.removeprefix("views/").removesuffix(".py")
    return f"{'/' if path == '/queue' else path}?{urlencode(params)}" if params else path


def outside(link: str) -> str:
    """An http(s) link to another system, or nothing: other schemes are never followed."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return link if parts.scheme in {"http", "https"} and parts.netloc else ""


def version_key(params: Mapping[str, str]) -> VersionKey | None:
    """The version that an address names; None when it names none. Raises InvalidInputError."""
    model, version = params.get("model", ""), params.get("version", "")
    if not model and not version:
        return None
    if not model:
        raise InvalidInputError("The address names no model.", hint="Choose a version on the Models page.")
    return VersionKey(model, whole(version, "version"))


def version_numbers(text: str) -> list[int]:
    """``5,7`` as numbers, each once, in their order. Raises InvalidInputError."""
    found = [whole(part.strip(), "versions") for part in text.split(",") if part.strip()]
    return list(dict.fromkeys(found))


def run_number(text: str) -> int:
    """The number of a run; that of a classic release has a minus before it. Raises InvalidInputError."""
    number = whole(text.removeprefix("-"), "run")
    return -number if text.startswith("-") else number


def whole(text: str, what: str) -> int:
    """A positive whole number out of an address. Raises InvalidInputError."""
    if text.isascii() and text.isdigit() and len(text) <= 12 and int(text) > 0:
        return int(text)
    raise InvalidInputError(
        f"The address has no usable {what}: {text or 'nothing'}.", hint="Follow a link from one of the lists."
    )
