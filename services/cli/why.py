"""`countersign why`, `asof` and `dossier`: the same answers as the pages, for a terminal.

Exit codes: 0 answered, 1 not (the message says why). The account acts as an auditor: anyone who can run this
has the portal's database and settings anyway. The ledger records the account's name.
"""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from services.domain.identity.people import Actor, Person, Role
from services.domain.lineage import Certainty, Fact
from services.domain.why.live_history import Spell
from services.errors import InvalidInputError
from services.portal import Portal
from services.ports.predictions import DateRange
from services.why.answers import WhyAnswer
from services.why.document import answer_document, spell_document
from services.why.dossier import write
from services.why.timeline import parse_moment

Say = Callable[[str], None]


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> Sequence[argparse.ArgumentParser]:
    """The parsers."""
    why = commands.add_parser(
        "why", help="explain why a model predicted something", description="One sentence, with proof."
    )
    why.add_argument("--prediction", required=True, metavar="ID", help="request id of the prediction")
    why.add_argument("--day", metavar="YYYY-MM-DD", help="day of the prediction, if the id does not contain it")
    why.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    why.set_defaults(ask=ask_why)
    as_of = commands.add_parser(
        "asof", help="show what was live at a point in time", description="Uses the ledger alone."
    )
    as_of.add_argument(
        "--time", required=True, metavar="T", help="such as 2026-11-20T10:00:00; UTC unless it has an offset"
    )
    as_of.add_argument("--model", default="", help="only this model")
    as_of.add_argument("--environment", default="", help="only this environment")
    as_of.add_argument("--json", action="store_true", help="print JSON")
    as_of.set_defaults(ask=ask_as_of)
    dossier = commands.add_parser(
        "dossier", help="write the dossier of a prediction", description="A folder with the answer and its proof."
    )
    dossier.add_argument("--prediction", required=True, metavar="ID", help="request id of the prediction")
    dossier.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write it into")
    dossier.set_defaults(ask=write_dossier)
    return why, as_of, dossier


def run(args: argparse.Namespace, portal: Portal, say: Say) -> int:
    """Run one of the commands."""
    code: int = args.ask(args, portal, say)
    return code


def ask_why(args: argparse.Namespace, portal: Portal, say: Say) -> int:
    """The answer to one prediction."""
    answer = portal.why.answer(account(), args.prediction, days=_days(args.day))
    if args.json:
        say(json.dumps(answer_document(answer), indent=2, ensure_ascii=False))
    else:
        for line in in_words(answer):
            say(line)
    return 0


def ask_as_of(args: argparse.Namespace, portal: Portal, say: Say) -> int:
    """What was live at that time."""
    moment = parse_moment(args.time)
    timeline = portal.why.timeline(args.model)
    spells = timeline.at(moment, model=args.model, environment=args.environment)
    if args.json:
        answer = {"time": moment.isoformat(), "live": [spell_document(s, moment) for s in spells]}
        say(json.dumps(answer | {"problems": list(timeline.problems)}, indent=2, ensure_ascii=False))
        return 0
    say(f"Live at {moment:%Y-%m-%d %H:%M:%S} UTC, according to the ledger:")
    for spell in spells:
        say(f"  {spell_line(spell, moment)}")
    if not spells:
        say("  nothing recorded in the ledger")
    for problem in timeline.problems:
        say(f"  Warning: {problem}")
    return 0


def write_dossier(args: argparse.Namespace, portal: Portal, say: Say) -> int:
    """Write the files."""
    files = portal.why.dossier(account(), args.prediction)
    write(files, args.out)
    say(f"{len(files)} files written to {args.out}; see README.txt for how to verify them.")
    return 0


def in_words(answer: WhyAnswer) -> list[str]:
    """The sentence, its parts with their sources, and its caveats."""
    width = max(len(fact.name) for fact in answer.facts)
    lines = [answer.sentence, ""]
    lines += [f"  {fact.name.ljust(width)}  {_part(fact)}" for fact in answer.facts]
    lines += ["", *(f"  Note: {caveat}" for caveat in answer.caveats)] if answer.caveats else []
    return lines


def _part(fact: Fact) -> str:
    if fact.certainty is Certainty.CONTRADICTED:
        said = "; ".join(f"{claim.value} ({claim.source})" for claim in fact.claims)
        return f"CONTRADICTED: {said}"
    if fact.certainty is Certainty.UNKNOWN:
        value = "unknown" if fact.value == "unknown" else f"ambiguous: {fact.value}"
        return f"{value}. {fact.hint}".rstrip()
    return f"{fact.value}  [{', '.join(fact.sources)}]"


def spell_line(spell: Spell, moment: datetime) -> str:
    """One line for people."""
    sure = "" if spell.is_sure_at(moment) else "perhaps, "
    since = spell.sure_from or spell.may_from
    ends = spell.sure_until or spell.may_until
    until = f"until {ends:%Y-%m-%d %H:%M:%S}" if ends else "until now"
    return f"{spell.environment}: {sure}{spell.key}, from {since:%Y-%m-%d %H:%M:%S} {until} (ledger entry {spell.seq})"


def account() -> Actor:
    """The account at the terminal."""
    name = getpass.getuser()
    return Actor(Person(f"cli:{name}", f"{name} (command line)"), frozenset({Role.AUDITOR}))


def _days(text: str | None) -> DateRange | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is not a date.", hint="Use the form 2026-11-20.") from error
    return DateRange(day, day)
