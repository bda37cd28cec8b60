"""Which artifact paths may be asked for.

MLflow decodes a path up to ten times before it uses it (`validate_path_is_safe`), so `a%20b` reads the file `a b`,
and it refuses `..`, absolute paths and `#`. Only paths that MLflow takes literally are sent: anything else could
read another file than the one that was named.
"""

from __future__ import annotations

from urllib.parse import unquote, urlparse, urlunparse

from services.errors import InvalidInputError

MAX_PATH = 4_000


def checked(path: str) -> str:
    """The path without a slash at the end. Raises InvalidInputError."""
    trimmed = path.rstrip("/")
    if not trimmed or not is_safe(trimmed):
        raise InvalidInputError(
            f"“{path[:200]}” is not an artifact path.",
            hint="Use a path below the run's artifacts, without .., %, # or \\.",
        )
    return trimmed


def checked_folder(path: str) -> str:
    """As `checked`; the empty path is the root."""
    return checked(path) if path.rstrip("/") else ""


def is_safe(path: str) -> bool:
    """True when the path stays below its root and MLflow takes it literally."""
    if len(path) > MAX_PATH or not path.isprintable() or "\\" in path or "#" in path:
        return False
    if any(part in {"", ".", ".."} for part in path.split("/")):
        return False
    try:
        parsed = urlparse(path)
        return unquote(path) == path and urlunparse(parsed) == path and parsed.scheme != "file"
    except ValueError:
        return False


def below(folder: str, path: str) -> bool:
    """True when the path is a safe child of the folder."""
    return is_safe(path) and (not folder or path.startswith(f"{folder}/"))
