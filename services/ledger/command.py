"""``countersign ledger verify | export | proof``: thin words around the ledger's use cases.

Exit codes: 0 done and all holds, 1 the ledger does not hold, 2 wrong use (argparse). Errors of the tree go up to `cli`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from services.ledger.evidence_pack import evidence_pack
from services.ledger.export import VERIFIER, Exported, ExportSource, export_folder, export_zip, fetch_notes
from services.ledger.note import VerifierKey
from services.ledger.reader import prove_consistency, prove_inclusion
from services.ledger.verify import Verification, verify_ledger
from services.ledger.witnessing import Transactions, Witness

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class LedgerTools:
    """What the commands work with, chosen by the composition root."""

    transactions: Transactions
    keys: Sequence[VerifierKey]
    """Pinned public keys; the first names the log."""
    witnesses: Sequence[Witness]
    clock: Clock


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add ``ledger`` to the portal's command line."""
    parser = subparsers.add_parser("ledger", help="verify, export and prove the ledger")
    commands = parser.add_subparsers(dest="ledger_command", required=True)
    verify = commands.add_parser("verify", help="verify the whole ledger in the database")
    verify.add_argument("--offline", action="store_true", help="do not ask the witnesses")
    verify.add_argument("--bytes-only", action="store_true", help="skip the form of each entry; several times faster")
    export = commands.add_parser("export", help="write an export for an auditor")
    export.add_argument("target", type=Path, help="a new folder, or a file ending in .zip")
    export.add_argument("--offline", action="store_true", help="do not ask the witnesses for their copies")
    export.add_argument("--verifier", type=Path, default=VERIFIER, help="where verify_ledger.py lies")
    proof = commands.add_parser("proof", help="print a proof as JSON")
    what = proof.add_mutually_exclusive_group(required=True)
    what.add_argument("--entry", type=int, metavar="N", help="that entry N stands in the log")
    what.add_argument("--request", metavar="ID", help="the evidence pack of a promotion request")
    what.add_argument("--between", type=int, nargs=2, metavar=("OLD", "NEW"), help="that NEW entries extend OLD")
    return parser


def run(args: argparse.Namespace, tools: LedgerTools, out: TextIO = sys.stdout) -> int:
    """Run the chosen command; returns the exit code."""
    commands = {"verify": _verify, "export": _export, "proof": _proof}
    return commands[args.ledger_command](args, tools, out)


def _verify(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    notes = {} if args.offline else fetch_notes(tools.transactions, tools.witnesses)
    with tools.transactions() as ledger:
        result = verify_ledger(ledger, tools.keys, witnesses=notes, forms=not args.bytes_only)
    for line in describe(result):
        print(line, file=out)
    return 0 if result.holds else 1


def describe(result: Verification) -> list[str]:
    """A verification in words, a line each."""
    lines = [f"{result.size} entries, {result.signatures} signed checkpoints compared"]
    for view in result.witnesses:
        state = "agrees" if view.agrees else "DISAGREES"
        lines.append(f"witness {view.name}: {state}, {view.notes} checkpoints, up to entry {view.size}")
    lines += [f"a restore ended {origin}; a witness had seen {size} entries" for origin, size in result.lost.items()]
    lines += [f"FAILS: {finding.what}" for finding in result.findings]
    if result.first_bad is not None:
        lines.append(f"first bad entry: {result.first_bad}")
    if result.holds:
        tail = result.size - result.witnessed
        lines.append(f"The ledger holds. {tail} entries stand on the signature alone; no witness has seen them yet.")
    return lines


def _export(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    notes = {} if args.offline else fetch_notes(tools.transactions, tools.witnesses)
    source = ExportSource(tools.keys, tools.clock(), notes, args.verifier)
    exported = _write(args.target, tools, source)
    print(f"{exported.entries} entries written to {args.target}; README.txt says how to verify them.", file=out)
    return 0


def _write(target: Path, tools: LedgerTools, source: ExportSource) -> Exported:
    if target.suffix != ".zip":
        return export_folder(tools.transactions, target, source)
    with target.open("xb") as file:
        return export_zip(tools.transactions, file, source)


def _proof(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    with tools.transactions() as ledger:
        if args.entry is not None:
            proof = prove_inclusion(ledger, args.entry)
            told: object = {**proof.as_json(), "checkpoint": proof.note}
        elif args.request is not None:
            told = evidence_pack(ledger, args.request, tuple(tools.keys)).as_json()
        else:
            told = prove_consistency(ledger, *args.between).as_json()
    json.dump(told, out, ensure_ascii=False, indent=2)
    out.write("\n")
    return 0
