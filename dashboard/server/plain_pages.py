"""The few pages outside Streamlit: a script of Streamlit cannot set a cookie. Plain HTML without any script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from starlette.responses import HTMLResponse

from dashboard.text import html, join
from services.settings import DemoPerson

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Countersign</title><style>
:root {{ color-scheme: light dark; --ink: light-dark(#1F3A5F, #7FA5DF); --line: light-dark(#DDD7C9, #323D4B);
  --soft: light-dark(#56606B, #A6B0BC); --card: light-dark(#FFFFFF, #1A212B) }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 16px/1.5 system-ui, sans-serif;
  background: light-dark(#F3F0E8, #11161D); color: light-dark(#1B2430, #E4E8EE) }}
main {{ width: min(26rem, calc(100vw - 2rem)); padding: 1.5rem 0; overflow-wrap: anywhere }}
h1 {{ font: 600 2rem/1.2 Georgia, "Times New Roman", serif; margin: 0 }}
p {{ color: var(--soft); margin: .4rem 0 1.4rem }}
button, a.button {{ display: block; box-sizing: border-box; width: 100%; text-align: left; margin: 0 0 .6rem;
  padding: .8rem 1rem; font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: .4rem; cursor: pointer; overflow-wrap: anywhere; text-decoration: none }}
button:hover, button:focus-visible, a.button:hover, a.button:focus-visible {{ border-color: var(--ink);
  outline: 2px solid var(--ink); outline-offset: 1px }}
button span {{ display: block; color: var(--soft); font-size: .9rem }}
small {{ color: var(--soft) }}
</style></head><body><main><h1>Countersign</h1>{body}</main></body></html>"""


def picker(people: Sequence[DemoPerson], target: str) -> HTMLResponse:
    """The demo people, one button each."""
    body = html(
        "<p>Who are you? This is a demo: choose a person.</p>"
        '<form method="post" action="/sign-in"><input type="hidden" name="next" value="{}">{}'
        "</form><small>This page exists only in the demo. In production people sign in with their identity provider."
        "</small>",
        target, join(_button(person) for person in people),
    )  # fmt: skip
    return _page("Sign in", body)


def message(title: str, text: str, *, ways: Mapping[str, str], status: int = 200) -> HTMLResponse:
    """A message, and links onwards: label to address."""
    links = join(html('<a class="button" href="{}">{}</a>', link, label) for label, link in ways.items())
    return _page(title, html('<p role="status">{}</p>{}', text, links), status)


def question(title: str, text: str, *, action: str, label: str) -> HTMLResponse:
    """One sentence and one button that changes something."""
    body = html(
        '<p role="status">{}</p><form method="post" action="{}"><button>{}</button></form>', text, action, label
    )
    return _page(title, body)


def _page(title: str, body: Markup, status: int = 200) -> HTMLResponse:
    return HTMLResponse(html(_PAGE, title=title, body=body), status)


def _button(person: DemoPerson) -> Markup:
    title = person.title or ", ".join(role.value.replace("_", " ") for role in person.roles)
    return html('<button name="person" value="{}">{}<span>{}</span></button>', person.id, person.name, title)
