"""The dossier as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from services.audit.sentences import words_of
from services.domain.lineage import Certainty, Fact
from services.domain.why.reasons import METHODS, SAYS, SAYS_NOT, Neighbour, Reasons
from services.ledger.tree.entry import LedgerEntry
from services.why.gathered import Gathered

STYLE = """
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
"""


def page_html(gathered: Gathered) -> str:
    """The whole page; every value is escaped."""
    answer = gathered.answer
    pieces = [
        f"<h1>Why did the model predict this?</h1><p class=answer>{_e(answer.sentence)}</p>",
        f"<p>Prediction <code>{_e(answer.record.request_id)}</code>.</p>",
        f"<p>Made at {_e(gathered.made_at)} by {_e(gathered.made_by)}.</p>",
        _list(answer.caveats),
        "<h2>Parts of the answer</h2>",
        _table(("Part", "Value", "Certainty", "Source"), [_fact(fact) for fact in answer.facts]),
        "<h2>The prediction as logged</h2>",
        _table(("What", "Value"), [(_e(k), _e(v)) for k, v in _row(gathered)]),
        f"<p>{_e(answer.inputs_note)}</p>" if answer.inputs_note else "",
        "<h2>Scored again</h2>",
        _replay(gathered),
        "<h2>Reasons</h2>",
        _reasons(gathered.reasons) if gathered.reasons else "<p>There are none in this dossier.</p>",
        f"<h2>Missing</h2>{_list(gathered.problems)}" if gathered.problems else "",
        f"<h2>Model card</h2><pre>{_e(gathered.card)}</pre>" if gathered.card else "",
        "<h2>Proof</h2>",
        _proof(gathered),
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Dossier</title>'
    body = "".join(pieces)
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>\n'


def rows_of(gathered: Gathered) -> list[tuple[str, str]]:
    """The logged prediction as names and values."""
    return _row(gathered)


def proof_lines(gathered: Gathered) -> list[tuple[str, str]]:
    """Number of each proven entry, and what it says in words with its action; two cells."""
    found = []
    for item in (gathered.pack or {}).get("entries", ()):
        entry = LedgerEntry.parse(str(item["body"]))
        said = f"{entry.time:%Y-%m-%d %H:%M:%S} UTC: {entry.actor.name} {words_of(entry)} ({entry.action.value})"
        found.append((str(item["seq"]), said))
    return found


def _e(value: Any) -> str:
    return escape(str(value))


def _fact(fact: Fact) -> tuple[str, ...]:
    if fact.certainty is Certainty.CONTRADICTED:
        value = "<br>".join(f"{_e(c.value)} <span class=unknown>({_e(c.source)})</span>" for c in fact.claims)
    else:
        value = _e(fact.value)
    source = ", ".join(fact.sources) or fact.hint
    return _e(fact.name), value, f"<span class={fact.certainty.value}>{fact.certainty.value}</span>", _e(source)


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


def _replay(gathered: Gathered) -> str:
    replay = gathered.replay
    if replay is None:
        return "<p>It was not scored again.</p>"
    rows = [("Logged", _e(replay.logged)), ("Again", _e(replay.again)), ("Isolation", _e(replay.isolation))]
    mismatches = _list([mismatch.sentence() for mismatch in replay.mismatches])
    return f"<p>{_e(replay.sentence)}</p>{_table(('What', 'Value'), rows)}{mismatches}"


def _reasons(reasons: Reasons) -> str:
    widest = max((abs(i.moved) for i in reasons.inputs), default=0.0) or 1.0
    rows = [(_e(i.name), _e(i.value), _bar(i.moved, widest), f"{i.moved:+.4f}") for i in reasons.inputs]
    return (
        f"<p>{_e(reasons.in_words())}</p>"
        + _table(("Input", "Value", "", "Moved"), rows)
        + f"<p>{_e(reasons.sum_check())}</p>"
        + f"<p>Method: {_e(METHODS.get(reasons.method, reasons.method))}.</p><p>{_e(SAYS)}</p>{_list(SAYS_NOT)}"
        + _near("Nearest training examples", reasons.nearest)
        + _near("Nearest with another outcome", reasons.nearest_other)
        + (f"<p>{_e(reasons.neighbours_problem)}</p>" if reasons.neighbours_problem else "")
    )


def _bar(moved: float, widest: float) -> str:
    width = 8 * abs(moved) / widest
    return f'<span class="bar {"up" if moved > 0 else "down"}" style="width:{width:.2f}rem"></span>'


def _near(title: str, found: Sequence[Neighbour]) -> str:
    if not found:
        return ""
    names = list(found[0].inputs)
    rows = [(_e(n.outcome), f"{n.distance:.3f}", *(_e(n.inputs.get(name)) for name in names)) for n in found]
    return f"<h3>{_e(title)}</h3><div class=many>{_table(('Outcome', 'Distance', *names), rows)}</div>"


def unproven(gathered: Gathered) -> str:
    """Why there is no proof."""
    if len(gathered.answer.candidates) > 1:
        return "Which version answered is not certain, so no one promotion stands behind it that could be proven here."
    return "The ledger has no promotion behind this prediction, so there is nothing to prove."


def _proof(gathered: Gathered) -> str:
    if gathered.pack is None:
        return f"<p>{_e(unproven(gathered))}</p>"
    rows = [(_e(number), _e(text)) for number, text in proof_lines(gathered)]
    return (
        "<p>These entries stand in the ledger; evidence-pack.json has their proofs.</p>"
        + _table(("Entry", "What it says"), rows)
        + f"<p>Signed checkpoint:</p><pre>{_e(gathered.pack['checkpoint'])}</pre>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{_e(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_e(line)}</li>' for line in lines)}</ul>" if lines else ""
