"""The few pages outside Streamlit: a script of Streamlit cannot set a cookie. Plain HTML without any script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from starlette.responses import HTMLResponse

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
    buttons = "".join(_button(person) for person in people)
    body = (
        "<p>Who are you? This is a demo: choose a person.</p>"
        f'<form method="post" action="/sign-in"><input type="hidden" name="next" value="{escape(target)}">{buttons}'
        "</form><small>This page exists only in the demo. In production people sign in with their identity provider."
        "</small>"
    )
    return HTMLResponse(_PAGE.format(title="Sign in", body=body))


def message(title: str, text: str, *, ways: Mapping[str, str], status: int = 200) -> HTMLResponse:
    """What is the matter, and the ways on: label to address."""
    links = "".join(f'<a class="button" href="{escape(link)}">{escape(label)}</a>' for label, link in ways.items())
    body = f'<p role="status">{escape(text)}</p>{links}'
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), status)


def question(title: str, text: str, *, action: str, label: str) -> HTMLResponse:
    """One sentence and one button that changes something."""
    body = (
        f'<p role="status">{escape(text)}</p><form method="post" action="{escape(action)}">'
        f"<button>{escape(label)}</button></form>"
    )
    return HTMLResponse(_PAGE.format(title=escape(title), body=body))


def _button(person: DemoPerson) -> str:
    title = person.title or ", ".join(role.value.replace("_", " ") for role in person.roles)
    return (
        f'<button name="person" value="{escape(person.id)}">{escape(person.name)}<span>{escape(title)}</span></button>'
    )
