"""The sign-in cookies: one opaque session id, and for ten minutes the state of a pending sign-in.

Both are small regardless of a user's groups: a header line over 8 KB would hang the page's web socket.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from services.settings import Settings

SESSION = "countersign_session"
ATTEMPT = "countersign_attempt_"
ATTEMPT_PATH = "/sign-in"
ATTEMPT_AGE = 600
ATTEMPTS = 5
"""Sign-ins under way in one browser; more would fill the header of the sign-in until it is refused."""


def session_name(settings: Settings) -> str:
    """Over https the browser itself refuses to take the cookie from a sibling domain or without encryption."""
    return f"__Host-{SESSION}" if is_secure(settings) else SESSION


def session_of(cookies: Mapping[str, str], settings: Settings) -> str | None:
    """The session cookie of a request."""
    return cookies.get(session_name(settings))


def put_session(answer: Response, cookie: str, settings: Settings) -> None:
    """Give the browser its session."""
    answer.set_cookie(
        session_name(settings), cookie, max_age=int(settings.session_max_age), path="/",
        httponly=True, samesite="lax", secure=is_secure(settings),
    )  # fmt: skip


def drop_session(answer: Response, settings: Settings) -> None:
    """Delete it; the server no longer knows it."""
    answer.delete_cookie(session_name(settings), path="/", httponly=True, samesite="lax", secure=is_secure(settings))


def put_attempt(answer: Response, name: str, secret: str, settings: Settings) -> None:
    """Store a pending sign-in; one cookie per tab."""
    answer.set_cookie(
        ATTEMPT + name, secret, max_age=ATTEMPT_AGE, path=ATTEMPT_PATH,
        httponly=True, samesite="lax", secure=is_secure(settings),
    )  # fmt: skip


def drop_attempt(answer: Response, name: str, settings: Settings) -> None:
    """Ends a pending sign-in."""
    answer.delete_cookie(ATTEMPT + name, path=ATTEMPT_PATH, httponly=True, samesite="lax", secure=is_secure(settings))


def attempts_of(cookies: Mapping[str, str]) -> dict[str, str]:
    """Pending sign-ins in this browser, by name."""
    return {name.removeprefix(ATTEMPT): value for name, value in cookies.items() if name.startswith(ATTEMPT)}


def is_secure(settings: Settings) -> bool:
    """True when people use https."""
    return settings.address.startswith("https:")
