"""Sign-in and sign-out: through the identity provider, or, in the demo only, through a picker of demo people.

The settings decide at start which of the two is used. Deep links survive both ways. Network and database are
asked in threads: the event loop serves everybody.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import anyio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard import wiring
from dashboard.server import cookies, plain_pages
from services.domain.identity.people import Person
from services.domain.identity.sessions import Identity
from services.errors import PortalError, UpstreamError
from services.ports.identity import Arrival, Wish
from services.settings import DemoPerson

PATH = "/sign-in"
CALLBACK = "/sign-in/callback"
BACK_CHANNEL = "/sign-in/back-channel"
SIGNED_OUT = "/signed-out"
BODY_LIMIT = 10_000
TOKEN_LIMIT = 100_000


def routes() -> list[Route]:
    """The sign-in routes."""
    return [
        Route(PATH, show, methods=["GET"]),
        Route(PATH, choose, methods=["POST"]),
        Route(CALLBACK, arrive, methods=["GET"]),
        Route(BACK_CHANNEL, back_channel, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["GET", "POST"]),
        Route(SIGNED_OUT, signed_out, methods=["GET"]),
    ]


async def show(request: Request) -> Response:
    """The picker of the demo, or the redirect to the provider."""
    target = safe_target(request.query_params.get("next", "/"))
    if demo_people():
        return plain_pages.picker(demo_people(), target)
    provider = wiring.provider()
    if provider is None:
        return _absent()
    fresh = request.query_params.get("fresh") == "1"
    try:
        attempt = await anyio.to_thread.run_sync(lambda: provider.begin(target, fresh=fresh))
    except PortalError as error:
        return _problem(error, Wish(target, fresh))
    answer = RedirectResponse(attempt.url, 303)
    cookies.put_attempt(answer, attempt.name, attempt.secret, wiring.settings())
    for forgotten in list(cookies.attempts_of(request.cookies))[: -cookies.ATTEMPTS]:
        cookies.drop_attempt(answer, forgotten, wiring.settings())
    return answer


async def choose(request: Request) -> Response:
    """Start a session for the chosen demo person; an earlier one in this browser ends."""
    fields = dict(parse_qsl((await request.body())[:BODY_LIMIT].decode("utf-8", "replace")))
    if not demo_people():
        return _absent()
    person = next((person for person in demo_people() if person.id == fields.get("person")), None)
    if person is None:
        return RedirectResponse(PATH, 303)
    return await _start(request, Arrival(_demo_identity(person), "", fields.get("next", "/")))


async def arrive(request: Request) -> Response:
    """The provider sends the browser back."""
    provider = wiring.provider()
    if provider is None:
        return _absent()
    answer, kept = dict(request.query_params), cookies.attempts_of(request.cookies)
    try:
        arrival = await anyio.to_thread.run_sync(provider.finish, answer, kept)
    except PortalError as error:
        return _problem(error, provider.wish(answer, kept))
    response = await _start(request, arrival)
    cookies.drop_attempt(response, answer["state"][:8], wiring.settings())
    return response


async def back_channel(request: Request) -> Response:
    """The provider signs a user out: a signed token instead of browser and cookie (Back-Channel Logout 1.0)."""
    provider = wiring.provider()
    if provider is None:
        return _absent()
    fields = dict(parse_qsl((await request.body())[:TOKEN_LIMIT].decode("utf-8", "replace")))
    try:
        ended = await anyio.to_thread.run_sync(provider.ended, fields.get("logout_token", ""))
        await anyio.to_thread.run_sync(wiring.sessions().end_at_provider, ended)
    except UpstreamError as error:
        return PlainTextResponse(error.message, 503)
    except PortalError as error:
        return PlainTextResponse(error.message, 400)
    return Response(status_code=200)


async def sign_out(request: Request) -> Response:
    """End the session here at once, then at the provider. A link on another site only leads to the confirmation."""
    if request.method == "GET" and request.headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"}:
        return plain_pages.question("Sign out", "Do you want to sign out?", action="/sign-out", label="Sign out")
    settings = wiring.settings()
    cookie = cookies.session_of(request.cookies, settings)
    session = await anyio.to_thread.run_sync(wiring.sessions().end, cookie)
    at_provider = await anyio.to_thread.run_sync(_sign_out_url, session.sealed) if session else None
    answer = RedirectResponse(at_provider or (PATH if demo_people() else SIGNED_OUT), 303)
    cookies.drop_session(answer, settings)
    return answer


def _sign_out_url(sealed: str) -> str | None:
    """None when there is no provider, or it is unavailable or offers no sign-out: the user is still signed out here."""
    provider = wiring.provider()
    try:
        return provider.sign_out_url(sealed) if provider else None
    except UpstreamError:
        return None


async def signed_out(_: Request) -> Response:
    """Where the provider sends the browser after sign-out. Signing in again takes a click: it may need no password."""
    return plain_pages.message("Signed out", "You are signed out.", ways={"Sign in again": "/"})


def safe_target(target: str) -> str:
    """A path on this server, or the start page: never another host."""
    parts = urlsplit(target)
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    return target if is_ours and target.isprintable() and "\\" not in target else "/"


def demo_people() -> tuple[DemoPerson, ...]:
    """The people of the picker; empty outside the demo."""
    return wiring.settings().demo_people if wiring.is_open() else ()


def again(target: str) -> str:
    """The address where a user signs in again and returns to `target`."""
    return _way_in(Wish(target, fresh=True))


def _way_in(wish: Wish) -> str:
    fresh = {"fresh": "1"} if wish.fresh else {}
    return f"{PATH}?{urlencode({**fresh, 'next': safe_target(wish.target)})}"


async def _start(request: Request, arrival: Arrival) -> Response:
    settings = wiring.settings()
    before = cookies.session_of(request.cookies, settings)
    cookie = await anyio.to_thread.run_sync(
        lambda: wiring.sessions().start(
            arrival.identity, sealed=arrival.sealed, instead_of=before, authenticated=arrival.authenticated,
            provider_session=arrival.provider_session,
        )
    )  # fmt: skip
    answer = RedirectResponse(safe_target(arrival.target), 303)
    cookies.put_session(answer, cookie, settings)
    return answer


def _demo_identity(person: DemoPerson) -> Identity:
    return Identity(Person(person.id, person.name), frozenset(person.roles), title=person.title)


def _problem(error: PortalError, wish: Wish) -> Response:
    """Shows what is wrong; the requested page is kept. A user who is already signed in may also go back."""
    status = 503 if isinstance(error, UpstreamError) else 403
    back = {"Go back": safe_target(wish.target)} if wish.fresh else {}
    ways = {"Try again": _way_in(wish), **back}
    return plain_pages.message("Sign in", error.sentence(), ways=ways, status=status)


def _absent() -> Response:
    text = (
        "Nobody can sign in yet: no identity provider is set up, and this is not a demo. "
        "See sign-in in the documentation to set one up."
    )
    return plain_pages.message("Sign in", text, ways={"Look again": "/"}, status=404)
