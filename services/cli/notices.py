"""`countersign notices`: list undelivered messages and send them again."""

from __future__ import annotations

import argparse
import sys

from services.database.stores.notices import Delivery
from services.database.unit import Units
from services.ports.time import Clock

LINES = 200


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """The parser."""
    parser = commands.add_parser("notices", help="list undelivered messages and send them again")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="messages that failed or whose outcome is unknown; exit code 1 if there are any")
    again = actions.add_parser("retry", help="put failed messages back into the outbox")
    again.add_argument("id", type=int, nargs="?", help="id as listed; default: all")
    return parser


def run(args: argparse.Namespace, units: Units, clock: Clock) -> int:
    """Run it; returns the exit code."""
    if args.action == "list":
        return _list(units)
    with units.begin() as unit:
        count = unit.notices.send_again(args.id, clock.now())
    _say(f"{count} messages are queued; the worker sends them on its next poll.")
    return 0 if count or args.id is None else 1


def _list(units: Units) -> int:
    with units.read() as unit:
        counts = unit.notices.counts()
        found = [(state, one) for state in ("failed", "unknown") for one in unit.notices.unsettled(state, limit=LINES)]
    for state, one in found:
        _say(_line(state, one))
    lost = sum(counts.get(state, 0) for state in ("failed", "unknown"))
    _say(f"{lost} not delivered, {counts.get('waiting', 0)} waiting, {counts.get('sent', 0)} sent.")
    return 1 if lost else 0


def _line(state: str, one: Delivery) -> str:
    when = one.event.at[:16].replace("T", " ")
    return f"{one.id}  {state:7}  {one.channel}  {when} UTC  {one.event.sentence()}  ({one.error})"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
