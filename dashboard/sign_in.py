"""Sign-in of the demo: a page with the demo people. It answers 404 wherever no demo people are set.

The page is plain HTML: a script of Streamlit cannot set a cookie. Deep links survive it.
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard import wiring
from dashboard.sessions import COOKIE, MAX_AGE
from services.settings import DemoPerson

PATH = "/sign-in"
OPEN_PATHS = (PATH, "/sign-out", "/healthz", "/readyz", "/api/", "/static/", "/_stcore/", "/component/", "/favicon")
BODY_LIMIT = 10_000

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Countersign</title><style>
:root {{ color-scheme: light dark; --ink: light-dark(#1F3A5F, #4571B5); --line: light-dark(#DDD7C9, #323D4B);
  --soft: light-dark(#56606B, #A6B0BC); --card: light-dark(#FFFFFF, #1A212B) }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 16px/1.5 system-ui, sans-serif;
  background: light-dark(#F3F0E8, #11161D); color: light-dark(#1B2430, #E4E8EE) }}
main {{ width: min(26rem, calc(100vw - 2rem)); padding: 1.5rem 0 }}
h1 {{ font: 600 2rem/1.2 Georgia, "Times New Roman", serif; margin: 0 }}
p {{ color: var(--soft); margin: .4rem 0 1.4rem }}
button {{ display: block; width: 100%; text-align: left; margin: 0 0 .6rem; padding: .8rem 1rem; font: inherit;
  color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .4rem; cursor: pointer;
  overflow-wrap: anywhere }}
button:hover, button:focus-visible {{ border-color: var(--ink); outline: 2px solid var(--ink); outline-offset: 1px }}
button span {{ display: block; color: var(--soft); font-size: .9rem }}
small {{ color: var(--soft) }}
</style></head><body><main><h1>Countersign</h1><p>Who are you? This is a demo: choose a person.</p>
<form method="post" action="/sign-in"><input type="hidden" name="next" value="{next}">{people}</form>
<small>This page exists only in the demo. In production people sign in with their identity provider.</small>
</main></body></html>"""


def routes() -> list[Route]:
    """The addresses of the demo's sign-in."""
    return [
        Route(PATH, show, methods=["GET"]),
        Route(PATH, sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["GET", "POST"]),
    ]


async def show(request: Request) -> Response:
    """The page with the demo people."""
    people = _people()
    if not people:
        return _absent()
    target = safe_target(request.query_params.get("next", "/"))
    buttons = "".join(_button(person) for person in people)
    return HTMLResponse(_PAGE.format(next=escape(target), people=buttons))


async def sign_in(request: Request) -> Response:
    """Start a session for the person chosen; an earlier one of this browser ends."""
    fields = dict(parse_qsl((await request.body())[:BODY_LIMIT].decode("utf-8", "replace")))
    if not _people():
        return _absent()
    if fields.get("person") not in {person.id for person in _people()}:
        return RedirectResponse(PATH, 303)
    wiring.sessions().end(request.cookies.get(COOKIE))
    answer = RedirectResponse(safe_target(fields.get("next", "/")), 303)
    token = wiring.sessions().start(fields["person"])
    is_secure = wiring.settings().address.startswith("https:")
    answer.set_cookie(COOKIE, token, max_age=MAX_AGE, httponly=True, samesite="lax", secure=is_secure)
    return answer


async def sign_out(request: Request) -> Response:
    """End the session and show the people again."""
    wiring.sessions().end(request.cookies.get(COOKIE))
    answer = RedirectResponse(PATH if _people() else "/", 303)
    answer.delete_cookie(COOKIE)
    return answer


def safe_target(target: str) -> str:
    """A path on this server, or the start page: never another host."""
    parts = urlsplit(target)
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    return target if is_ours and target.isprintable() and "\\" not in target else "/"


class SignInGate:
    """ASGI middleware: in the demo, a page asked for by somebody unknown leads to the sign-in and back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and _needs_sign_in(scope):
            await _answer_stranger(scope)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _needs_sign_in(scope: Scope) -> bool:
    if scope["path"].startswith(OPEN_PATHS) or not _people() or wiring.fixed_person():
        return False
    cookie = Headers(scope=scope).get("cookie", "")
    return wiring.sessions().person(Request(scope).cookies.get(COOKIE) if cookie else None) is None


def _answer_stranger(scope: Scope) -> Response:
    if scope["path"].startswith("/media/"):
        return PlainTextResponse("Sign in first.", 401)
    query = scope["query_string"].decode("latin-1")
    target = quote(scope["path"]) + (f"?{query}" if query else "")
    return RedirectResponse(f"{PATH}?next={quote(target, safe='')}", 303)


def _people() -> tuple[DemoPerson, ...]:
    return wiring.settings().demo_people if wiring.is_open() else ()


def _button(person: DemoPerson) -> str:
    title = person.title or ", ".join(role.value.replace("_", " ") for role in person.roles)
    return (
        f'<button name="person" value="{escape(person.id)}">{escape(person.name)}<span>{escape(title)}</span></button>'
    )


def _absent() -> Response:
    return PlainTextResponse("There is no demo sign-in here.", 404)
