"""HTML by hand: everything that is not `Markup` is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from markupsafe import Markup, escape

from azure_devops_server.http.wire import Answer

_STYLE = Markup("""
:root{--page:#f6f7f9;--card:#fff;--text:#1b1f24;--soft:#5b6570;--line:#dde1e6;--link:#0b5cad;--good:#1a7f4b;
--bad:#b3261e;--warn:#8a5a00;--busy:#0b5cad;--idle:#5b6570;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--page:#14171b;--card:#1c2026;--text:#e7eaee;--soft:#9aa5b1;--line:#313843;
--link:#78b4f0;--good:#5fc48d;--bad:#f2867e;--warn:#e0b15a;--busy:#78b4f0;--idle:#9aa5b1}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}
header{background:var(--card);border-bottom:1px solid var(--line);padding:.8rem 1.5rem}
header nav{font-size:.875rem;color:var(--soft)}
main{max-width:64rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.05rem;margin:2rem 0 .5rem}
a{color:var(--link);text-decoration:none}
a:hover,a:focus-visible{text-decoration:underline}
.soft{color:var(--soft)}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:0 0 1rem;overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.5rem .9rem;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child>td{border-bottom:0}
th{font-size:.8rem;font-weight:600;color:var(--soft)}
td.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.deep1{padding-left:2rem}td.deep2{padding-left:3.2rem}
.state{font-weight:600;white-space:nowrap}
.succeeded{color:var(--good)}.failed,.rejected,.canceled,.abandoned{color:var(--bad)}
.succeededWithIssues,.partiallySucceeded{color:var(--warn)}.inProgress,.queued,.cancelling{color:var(--busy)}
.pending,.notStarted,.skipped{color:var(--idle)}
.issue{color:var(--bad);font-size:.875rem;white-space:pre-wrap;overflow-wrap:anywhere}
.tag{display:inline-block;border:1px solid var(--line);border-radius:99px;padding:0 .6rem;
margin-right:.3rem;font-size:.8rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.25rem;margin:1rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
""")
_WORDS = {
    "succeeded": "Succeeded",
    "succeededWithIssues": "Succeeded with warnings",
    "partiallySucceeded": "Partially succeeded",
    "failed": "Failed",
    "rejected": "Rejected",
    "canceled": "Canceled",
    "cancelling": "Canceling",
    "skipped": "Skipped",
    "abandoned": "Abandoned",
    "inProgress": "Running",
    "queued": "Queued",
    "pending": "Waiting",
    "notStarted": "Not started",
}


Part = str | Markup | None


def html(part: Part) -> Markup:
    """A part as HTML."""
    return escape(part or "")


def tag(name: str, *parts: Part, **attributes: str) -> Markup:
    """An element; ``cls`` is the attribute class."""
    given = {("class" if key == "cls" else key): value for key, value in attributes.items()}
    written = Markup("").join(Markup(' {}="{}"').format(key, value) for key, value in given.items() if value)
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, join(parts))


def join(parts: Iterable[Part]) -> Markup:
    """Parts one after another."""
    return Markup("").join(html(part) for part in parts)


def link(text: str, target: str) -> Markup:
    """A link; `target` is an address of this server."""
    return tag("a", text, href=target)


def state(name: str | None) -> Markup:
    """A state in words, coloured."""
    return tag("span", _WORDS.get(name or "", name or ""), cls=f"state {name or ''}")


def table(heads: Iterable[str], rows: Iterable[Markup]) -> Markup:
    """A table in a card."""
    head = tag("tr", *(tag("th", text, scope="col") for text in heads))
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), cls="card")


def facts(pairs: Iterable[tuple[str, Part]]) -> Markup:
    """Names with values."""
    return tag("dl", *(join([tag("dt", name), tag("dd", value)]) for name, value in pairs))


def when(moment: datetime | None) -> str:
    """A time for people, in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC") if moment else "-"


def duration(start: datetime | None, end: datetime | None) -> str:
    """How long something took."""
    if start is None or end is None:
        return ""
    seconds = int((end - start).total_seconds())
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def page(title: str, trail: Iterable[Part], *content: Part, refresh: bool = False) -> Answer:
    """A whole page; `refresh` reloads it every five seconds while something runs."""
    head = [
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'),
        Markup('<meta http-equiv="refresh" content="5">') if refresh else None,
        tag("title", f"{title} - Azure DevOps (local)"),
        Markup("<style>{}</style>").format(_STYLE),
    ]
    crumbs = list(trail)
    nav = join(item for crumb in crumbs for item in (crumb, " / "))
    body = [tag("header", tag("nav", nav, title)), tag("main", *content)]
    start = Markup('<!DOCTYPE html>\n<html lang="en">')
    text = join([start, tag("head", *head), tag("body", *body), Markup("</html>")])
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Answer(content=text.encode(), media_type="text/html", headers={"Content-Security-Policy": policy})
