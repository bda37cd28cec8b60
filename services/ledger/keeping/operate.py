"""Operator commands on the ledger: rotate its key, continue after a restore, place holds, erase.

Each is recorded under the operator's name. The commands run on the portal's host, with the portal's settings.
"""

from __future__ import annotations

import argparse
import getpass
import socket
from datetime import timedelta
from typing import TextIO

from services.errors import InvalidInputError, SettingsError
from services.ledger.keeping.restore import open_origin, witnessed_tails
from services.ledger.keeping.retention import (
    EVERYTHING,
    RetentionRule,
    active_holds,
    apply_retention,
    erase,
    lift_hold,
    place_hold,
)
from services.ledger.signing.rotation import rotate
from services.ledger.tools import LedgerTools
from services.ledger.tree.entry import Actor, Subject


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the operator's commands to the auditor's."""
    _add(commands, "key", key, "print the public keys; keep a copy of the first one outside the portal")
    rotation = _add(commands, "rotate-key", rotate_key, "sign with a new key from now on")
    rotation.add_argument("--overlap-days", type=float, default=30, help="days in which both keys sign (default 30)")
    restore = _add(commands, "restore", go_on_after_restore, "continue after a restored backup, under a new origin")
    restore.add_argument("--reason", required=True, help="which backup, and why; kept in the ledger")
    holds = _add(commands, "hold", hold, "legal holds: list, place, lift")
    holds.add_argument("what", choices=["list", "place", "lift"])
    holds.add_argument("kind", nargs="?", help="promotion_request, model_version, … or everything")
    holds.add_argument("id", nargs="?", help="id of the request or other subject")
    holds.add_argument("--reason", default="", help="why; kept in the ledger")
    erasure = _add(commands, "erase", erase_values, "erase personal values of an entry; the entry stays")
    erasure.add_argument("--entry", type=int, required=True, metavar="N")
    erasure.add_argument("--field", action="append", required=True, help="may be repeated")
    erasure.add_argument("--reason", required=True, help="on whose request; kept in the ledger")
    retain = _add(commands, "retain", retain_values, "delete personal values past the policy's retention")
    retain.add_argument("--keep-days", type=float, help="instead of keep_personal_days in the policy file")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: object, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("--operator", default="", help="your name, as the ledger records it")
    parser.set_defaults(run_ledger=run)
    return parser


def operator(args: argparse.Namespace) -> Actor:
    """Who runs the command: the account on this host, and the name given."""
    account = f"{getpass.getuser()}@{socket.gethostname()}"
    return Actor(f"host:{account}"[:500], args.operator.strip() or account)


def key(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    """Print the public keys, oldest first."""
    del args
    for known in tools.public_keys():
        print(known, file=out)
    return 0


def rotate_key(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    """Make a new key the active one."""
    if tools.key_file is None:
        raise SettingsError(
            "The ledger's key comes from a setting, so it cannot be rotated here.",
            hint="Store it in a file (COUNTERSIGN_LEDGER_KEY_FILE) and rotate it there.",
        )
    ring = rotate(
        tools.writing,
        tools.key_file,
        tools.signer.name,
        actor=operator(args),
        clock=tools.clock,
        overlap=timedelta(days=args.overlap_days),
    )
    print(f"A new key signs the ledger; the old one also signs until {ring.previous_until}.", file=out)
    print(ring.active.verifier, file=out)
    return 0


def go_on_after_restore(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    """Open the next origin after a restore."""
    with tools.reading() as ledger:
        head = ledger.head()
    if head is None:
        raise InvalidInputError("This ledger is empty; there is nothing to continue.")
    if not tools.witnesses:
        raise SettingsError(
            "No witness is set, so the lost entries are unknown.", hint="Set the witness that the ledger had."
        )
    tails = witnessed_tails(head.origin, tools.witnesses, tools.public_keys())
    with tools.writing() as ledger:
        entry = open_origin(
            ledger, tails, actor=operator(args), reason=args.reason, clock=tools.clock, signer=tools.signer
        )
    origin = entry.note.partition("\n")[0]
    print(f"The ledger continues as {origin}; entry {entry.seq} records what was lost and why.", file=out)
    print("Inform your auditors: verification fails until they pass it with --origin.", file=out)
    return 0


def hold(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    """List, place or lift legal holds."""
    if args.what == "list":
        with tools.reading() as ledger:
            held = active_holds(ledger)
        for subject in sorted(held, key=lambda s: (s.type, s.id)):
            print(f"{subject.type} {subject.id}", file=out)
        print(f"{len(held)} on hold." if held else "Nothing is on hold.", file=out)
        return 0
    subject = _held_subject(args)
    change = place_hold if args.what == "place" else lift_hold
    with tools.writing() as ledger:
        change(ledger, subject, actor=operator(args), reason=args.reason, clock=tools.clock, signer=tools.signer)
    done = "placed" if args.what == "place" else "lifted"
    print(f"The legal hold on {subject.type} {subject.id} is {done}.", file=out)
    return 0


def _held_subject(args: argparse.Namespace) -> Subject:
    if args.kind == "everything" and args.id is None:
        return EVERYTHING
    if not args.kind or not args.id:
        raise InvalidInputError(
            "Name the subject of the hold.", hint="For example: hold place promotion_request req-0123; or: everything."
        )
    return Subject(args.kind, args.id)


def erase_values(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    """Erase named values of one entry."""
    wanted = [(args.entry, field) for field in args.field]
    with tools.writing() as ledger:
        entry = erase(ledger, wanted, actor=operator(args), reason=args.reason, clock=tools.clock, signer=tools.signer)
    print(f"Erased {', '.join(args.field)} of entry {args.entry}; entry {entry.seq} records it.", file=out)
    return 0


def retain_values(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    """Apply the retention rule until nothing is due."""
    keep = timedelta(days=args.keep_days) if args.keep_days is not None else tools.keep_personal
    if keep is None:
        raise SettingsError(
            "The policy file does not set how long personal values are kept.",
            hint="Set ledger: keep_personal_days in it, or pass --keep-days.",
        )
    rounds = 0
    while retain_once(tools, RetentionRule(keep), operator(args)):
        rounds += 1
    records = "1 entry records it." if rounds == 1 else f"{rounds} entries record it."
    print(f"Deleted the values that were due; {records}" if rounds else "Nothing is due.", file=out)
    return 0


def retain_once(tools: LedgerTools, rule: RetentionRule, actor: Actor) -> bool:
    """One batch in a separate transaction; False if nothing was due."""
    with tools.writing() as ledger:
        return apply_retention(ledger, rule, actor=actor, clock=tools.clock, signer=tools.signer) is not None
