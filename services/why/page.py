"""The dossier as one self-contained HTML page: no external script, font or image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import LiteralString

from markupsafe import Markup

from services.audit.sentences import words_of
from services.domain.lineage import Certainty, Fact
from services.domain.why.reasons import METHODS, SAYS, SAYS_NOT, Neighbour, Reasons
from services.ledger.tree.entry import LedgerEntry
from services.why.gathered import Gathered

STYLE = Markup("""
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #d0d7de}
.answer{font-size:1.1rem;border-left:4px solid #3b5bdb;padding-left:.8rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #e4e8ec}
.wide{overflow-x:auto}td{overflow-wrap:anywhere;vertical-align:top}td:first-child{min-width:6.5em}.unknown{color:#5c6670}.contradicted{color:#b42318;font-weight:600}
.bar{display:inline-block;height:.8rem;vertical-align:middle;print-color-adjust:exact}.up{background:#c2571a}.down{background:#2563a8}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f7f9;padding:.6rem;font-size:.8rem}
@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#14171a}pre{background:#1f2429}th,td{border-color:#30363d}
.unknown{color:#9aa5b1}.contradicted{color:#ff8a80}}@media print{body{margin:0;max-width:none}
.wide{overflow:visible}tr{break-inside:avoid}h2,h3{break-after:avoid}}.many{font-size:.8rem}.many td{min-width:3.5rem}
@media print{.many{font-size:.55rem}.many td{min-width:0;overflow-wrap:break-word}.many th,.many td{padding:.15rem}}
""")


def page_html(gathered: Gathered) -> str:
    """The whole page; every value is escaped."""
    answer = gathered.answer
    pieces = [
        _html("<h1>Why did the model predict this?</h1><p class=answer>{}</p>", answer.sentence),
        _html("<p>Prediction <code>{}</code>.</p>", answer.record.request_id),
        _html("<p>Made at {} by {}.</p>", gathered.made_at, gathered.made_by),
        _list(answer.caveats),
        Markup("<h2>What was predicted</h2>"),
        _list(gathered.predicted),
        Markup("<h2>Why it was approved</h2>"),
        _given(gathered),
        Markup("<h2>Parts of the answer</h2>"),
        _table(("Part", "Value", "Certainty", "Source"), [_fact(fact) for fact in answer.facts]),
        Markup("<h2>The prediction as logged</h2>"),
        _table(("What", "Value"), _row(gathered)),
        _optional("<p>{}</p>", answer.inputs_note),
        Markup("<h2>Scored again</h2>"),
        _replay(gathered),
        Markup("<h2>Reasons</h2>"),
        _reasons(gathered.reasons) if gathered.reasons else Markup("<p>This dossier has none.</p>"),
        _optional("<h2>Missing</h2>{}", _list(gathered.problems)),
        _optional("<h2>Model card</h2><pre>{}</pre>", gathered.card),
        Markup("<h2>Proof</h2>"),
        _proof(gathered),
    ]
    head = Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Dossier</title>')
    page = '<!doctype html><html lang="en"><head>{}<style>{}</style></head><body>{}</body></html>\n'
    return _html(page, head, STYLE, _join(pieces))


def rows_of(gathered: Gathered) -> list[tuple[str, str]]:
    """The logged prediction as names and values."""
    return _row(gathered)


def proof_lines(gathered: Gathered) -> list[tuple[str, str]]:
    """The number of a proven entry, and its sentence with its action; two cells."""
    found = []
    for item in (gathered.pack or {}).get("entries", ()):
        entry = LedgerEntry.parse(str(item["body"]))
        said = f"{entry.time:%Y-%m-%d %H:%M:%S} UTC: {entry.actor.name} {words_of(entry)} ({entry.action.value})"
        found.append((str(item["seq"]), said))
    return found


def _e(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(escape(str(value)))  # noqa: S704 - escaped


def _html(template: LiteralString, *values: object) -> Markup:
    return Markup(template.format(*map(_e, values)))  # noqa: S704 - the values are escaped


def _optional(template: LiteralString, value: str | None) -> Markup:
    return _html(template, value) if value else Markup("")


def _join(pieces: Iterable[object]) -> Markup:
    return Markup("").join(map(_e, pieces))


def given_rows(gathered: Gathered) -> list[tuple[str, str, str]]:
    """Who did what, why, and where that is recorded; three cells."""
    return [
        (f"{given.person} {given.did}", given.reason or "No reason was given.", f"ledger entry {given.seq}")
        for given in gathered.given_reasons
    ]


def _given(gathered: Gathered) -> Markup:
    if gathered.why_no_reasons:
        return _html("<p>{}</p>", gathered.why_no_reasons)
    rows = [(who, Markup("<br>").join(map(_e, why.split("\n"))), source) for who, why, source in given_rows(gathered)]
    return _table(("Who", "Reason", "Source"), rows)


def _fact(fact: Fact) -> tuple[str, ...]:
    value = _e(fact.value)
    if fact.certainty is Certainty.CONTRADICTED:
        claims = (_html("{} <span class=unknown>({})</span>", c.value, c.source) for c in fact.claims)
        value = Markup("<br>").join(claims)
    source = ", ".join(fact.sources) or fact.hint
    return fact.name, value, _html("<span class={0}>{0}</span>", fact.certainty.value), source


def _row(gathered: Gathered) -> list[tuple[str, str]]:
    record = gathered.answer.record
    fixed = [
        ("Time", str(record.time or "unknown")),
        ("Environment", record.environment or "unknown"),
        ("Version in the log", record.version_text or "unknown"),
        ("Output", str(record.output)),
        ("Score", "unknown" if record.score is None else str(record.score)),
        ("Found in", record.source),
    ]
    return fixed + [(f"Input {name}", str(value)) for name, value in record.inputs.items()]


def _replay(gathered: Gathered) -> Markup:
    replay = gathered.replay
    if replay is None:
        return Markup("<p>It was not scored again.</p>")
    rows = [("Logged", replay.logged), ("Again", replay.again), ("Isolation", replay.isolation)]
    mismatches = _list([mismatch.sentence() for mismatch in replay.mismatches])
    return _html("<p>{}</p>{}{}", replay.sentence, _table(("What", "Value"), rows), mismatches)


def _reasons(reasons: Reasons) -> Markup:
    widest = max((abs(i.moved) for i in reasons.inputs), default=0.0) or 1.0
    rows = [(i.name, i.value, _bar(i.moved, widest), f"{i.moved:+.4f}") for i in reasons.inputs]
    method = METHODS.get(reasons.method, reasons.method)
    return _join([
        _html("<p>{}</p>", reasons.in_words()),
        _table(("Input", "Value", "", "Moved"), rows),
        _html("<p>{}</p>", reasons.sum_check()),
        _html("<p>Method: {}.</p><p>{}</p>{}", method, SAYS, _list(SAYS_NOT)),
        _near("Nearest training examples", reasons.nearest),
        _near("Nearest with another outcome", reasons.nearest_other),
        _optional("<p>{}</p>", reasons.neighbours_problem),
    ])  # fmt: skip


def _bar(moved: float, widest: float) -> Markup:
    width = 8 * abs(moved) / widest
    side = "up" if moved > 0 else "down"
    return _html('<span class="bar {}" style="width:{}rem"></span>', side, f"{width:.2f}")


def _near(title: str, found: Sequence[Neighbour]) -> Markup:
    if not found:
        return Markup("")
    names = list(found[0].inputs)
    rows = [(n.outcome, f"{n.distance:.3f}", *(n.inputs.get(name) for name in names)) for n in found]
    return _html("<h3>{}</h3><div class=many>{}</div>", title, _table(("Outcome", "Distance", *names), rows))


def unproven(gathered: Gathered) -> str:
    """Why there is no proof."""
    if len(gathered.answer.candidates) > 1:
        return "Which version answered is not certain, so there is no single promotion to prove here."
    return "The ledger has no promotion behind this prediction, so there is nothing to prove."


def _proof(gathered: Gathered) -> Markup:
    if gathered.pack is None:
        return _html("<p>{}</p>", unproven(gathered))
    return _join([
        Markup("<p>These entries are in the ledger; evidence-pack.json has their proofs.</p>"),
        _table(("Entry", "What it says"), proof_lines(gathered)),
        _html("<p>Signed checkpoint:</p><pre>{}</pre>", gathered.pack["checkpoint"]),
    ])  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    top = _join(_html('<th scope="col">{}</th>', name) for name in head)
    body = _join(_html("<tr>{}</tr>", _join(_html("<td>{}</td>", cell) for cell in row)) for row in rows)
    return _html("<div class=wide><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>", top, body)


def _list(lines: Sequence[str]) -> Markup:
    return _optional("<ul>{}</ul>", _join(_html("<li>{}</li>", line) for line in lines))
