"""The script that Streamlit runs for every session: the user, the page, the warnings."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import identity, wiring
from dashboard.errors import boundary
from dashboard.text import as_text, html
from dashboard.widgets.base import banners, commands, style
from dashboard.widgets.base.markup import show
from services.errors import PortalError

WATCH_SECONDS = 60
ICON = Path(__file__).resolve().parent / "assets" / "icon.png"


def pages() -> dict[str, list[st.Page]]:
    """All pages by section. Detail pages are reached by links and stay out of the menu."""
    return {
        "": [
            _page("queue", "Queue", "inbox", default=True),
            _page("requests", "Requests", "approval"),
        ],
        "Registry": [
            _page("models", "Models", "deployed_code"),
            _page("compare", "Compare", "balance"),
            _page("coverage", "Coverage", "shield"),
        ],
        "Delivery": [_page("releases", "Releases", "rocket_launch")],
        "Audit": [
            _page("why", "Why", "contact_support"),
            _page("log", "Audit log", "receipt_long"),
        ],
        "Details": [
            _page("version", "Version", "deployed_code", is_hidden=True),
            _page("request", "Request", "approval", is_hidden=True),
            _page("release", "Release", "rocket_launch", is_hidden=True),
            _page("you", "You", "person", is_hidden=True),
        ],
    }


def _page(name: str, title: str, icon: str, *, default: bool = False, is_hidden: bool = False) -> st.Page:
    return st.Page(
        f"views/{name}.py",
        title=title,
        icon=f":material/{icon}:",
        url_path=None if default else name,
        default=default,
        visibility="hidden" if is_hidden else "visible",
    )


def main() -> None:
    """One run."""
    st.set_page_config(page_icon=str(ICON), layout="wide")
    style.inject()
    with boundary():
        if not wiring.is_open():
            wiring.portal()
        person = identity.signed_in()
        if person is None:
            _stranger(st.navigation(pages(), position="hidden").url_path)
            return
        identity.own_state(person)
        if (refusal := identity.refusal(person)) is not None:
            st.navigation(pages(), position="hidden")
            _nobody_here(person.person.name, refusal)
            return
        page = st.navigation(pages(), expanded=True)
        _sidebar(person.person.name, person.title)
        st.set_page_config(page_title=f"{page.title} · Countersign")
        commands.show_flash()
        banners.show(wiring.portal().health)
        page.run()


def _sidebar(name: str, title: str) -> None:
    st.logo(str(ICON), size="large")
    with st.sidebar:
        st.space("small")
        st.page_link("views/you.py", label=f"**{as_text(name)}**", icon=":material/person:")
        if title:
            st.caption(as_text(title))
        show(html('<a href="/sign-out">{}</a>', "Switch person" if identity.demo_people() else "Sign out"))
        _watch()


@st.fragment(run_every=WATCH_SECONDS)
def _watch() -> None:
    """Clears an idle tab soon after its sign-in ended elsewhere."""
    if identity.signed_in(is_at_work=False) is None:
        st.rerun()


def _nobody_here(name: str, refusal: PortalError) -> None:
    """The page for users whose groups give no role. The requested page stays registered, but is not run."""
    st.title("Countersign")
    st.warning(
        f"You are signed in as **{as_text(name)}**.  \n{as_text(refusal.message)} {as_text(refusal.hint)}",
        icon=":material/person_off:",
    )
    show(html('<a href="/sign-out">Sign out</a>'))


def _stranger(path: str) -> None:
    """The page for users who are not signed in. The requested page is not run; its address is kept."""
    st.title("Countersign")
    if identity.demo_people() or wiring.provider() is not None:
        st.info("You are signed out. Sign in to go on; the address is kept.", icon=":material/login:")
        show(html('<a href="/sign-in?next={}">Sign in</a>', _address(path)))
        return
    st.error(
        "**Nobody can sign in yet.** This portal has no identity provider and is not a demo.  \n"
        "Set up sign-in as the documentation says, or start the demo with `make demo`.",
        icon=":material/lock:",
    )


def _address(path: str) -> str:
    from urllib.parse import quote, urlencode

    query = urlencode(st.query_params.to_dict())
    return quote(f"/{path}{'?' + query if query else ''}", safe="")


main()
