"""``countersign ledger``: a thin layer over the ledger's use cases: auditors' commands here, operators' in `operate`.

Exit codes: 0 done and verified, 1 verification failed, 2 wrong usage (argparse). `PortalError` is handled in `cli`.
An export or proof that leaves the portal is recorded as an entry before the first byte is written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from services.ledger.evidence_pack import evidence_pack
from services.ledger.export import (
    VERIFIER,
    Exported,
    ExportSource,
    demand_new,
    export_folder,
    export_zip,
    fetch_notes,
    record_export,
)
from services.ledger.keeping import operate
from services.ledger.reader import prove_consistency, prove_inclusion
from services.ledger.store import LedgerArchive
from services.ledger.tools import LedgerTools
from services.ledger.tree.canonical import Json
from services.ledger.verify import Verification, counted, describe_views, verify_ledger


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add ``ledger`` to the portal's command line."""
    parser = subparsers.add_parser("ledger", help="verify, export and prove the ledger")
    commands = parser.add_subparsers(dest="ledger_command", required=True)
    verify = commands.add_parser("verify", help="verify the whole ledger in the database")
    verify.set_defaults(run_ledger=_verify)
    verify.add_argument("--offline", action="store_true", help="do not contact the witnesses")
    verify.add_argument(
        "--bytes-only", action="store_true", help="do not check the form of each entry; several times faster"
    )
    export = commands.add_parser("export", help="write an export for auditors")
    export.set_defaults(run_ledger=_export)
    export.add_argument("target", type=Path, help="a new folder, or a file ending in .zip")
    export.add_argument("--offline", action="store_true", help="do not fetch the witnesses' copies")
    export.add_argument("--verifier", type=Path, default=VERIFIER, help="path of verify_ledger.py")
    proof = commands.add_parser("proof", help="print a proof as JSON")
    proof.set_defaults(run_ledger=_proof)
    what = proof.add_mutually_exclusive_group(required=True)
    what.add_argument("--entry", type=int, metavar="N", help="that entry N is in the log")
    what.add_argument("--request", metavar="ID", help="the evidence pack of a promotion request")
    what.add_argument("--between", type=int, nargs=2, metavar=("OLD", "NEW"), help="that NEW entries extend OLD")
    for leaving in (export, proof):
        leaving.add_argument("--operator", default="", help="your name, as the ledger records it")
    operate.add_parsers(commands)
    return parser


def run(args: argparse.Namespace, tools: LedgerTools, out: TextIO | None = None) -> int:
    """Run the chosen command; returns the exit code."""
    command: Callable[[argparse.Namespace, LedgerTools, TextIO], int] = args.run_ledger
    return command(args, tools, sys.stdout if out is None else out)


def _verify(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    notes = {} if args.offline else fetch_notes(tools.reading, tools.witnesses)
    with tools.reading() as ledger:
        result = verify_ledger(ledger, tools.public_keys(), witnesses=notes, forms=not args.bytes_only)
    for line in describe(result):
        print(line, file=out)
    return 0 if result.holds else 1


def describe(result: Verification) -> list[str]:
    """A verification as text, one line per fact."""
    compared = f"{counted(result.size, 'entry', 'entries')}, {counted(result.signatures, 'signed checkpoint')} compared"
    return [compared, *describe_views(result), *([_exposure(result)] if result.holds else [])]


def _exposure(result: Verification) -> str:
    if not result.witnesses:
        return (
            "The ledger is consistent. No witness was checked, so a truncated or rewritten tail would not be detected."
        )
    tail = result.size - result.witnessed
    if tail == 0:
        return "The ledger verifies, and a witness has seen all of it."
    if tail == 1:
        return "The ledger verifies. Its newest entry relies on the signature alone; no witness has seen it yet."
    return (
        f"The ledger verifies. Its newest {tail:,} entries rely on the signature alone; no witness has seen them yet."
    )


def _export(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    demand_new(args.target)
    notes = {} if args.offline else fetch_notes(tools.reading, tools.witnesses)
    source = ExportSource(tools.public_keys(), tools.clock(), notes, args.verifier)
    _record(args, tools, {"what": "ledger", "detail": "all entries"})
    exported = _write(args.target, tools, source)
    written = counted(exported.entries, "entry", "entries")
    print(f"{written} written to {args.target}; see README.txt for how to verify.", file=out)
    return 0


def _write(target: Path, tools: LedgerTools, source: ExportSource) -> Exported:
    if target.suffix != ".zip":
        return export_folder(tools.reading, target, source)
    with target.open("xb") as file:
        return export_zip(tools.reading, file, source)


def _proof(args: argparse.Namespace, tools: LedgerTools, out: TextIO) -> int:
    with tools.reading() as ledger:
        answer = _proven(args, tools, ledger)
    _record(args, tools, {"what": "proof", "detail": _proof_words(args)})
    json.dump(answer, out, ensure_ascii=False, indent=2)
    out.write("\n")
    return 0


def _proof_words(args: argparse.Namespace) -> str:
    if args.entry is not None:
        return f"a proof of entry {args.entry}"
    if args.request is not None:
        return f"the evidence pack of request {args.request}"
    old, new = args.between
    return f"a proof that {new} entries extend {old}"


def _proven(args: argparse.Namespace, tools: LedgerTools, ledger: LedgerArchive) -> object:
    if args.entry is not None:
        proof = prove_inclusion(ledger, args.entry)
        return {**proof.as_json(), "checkpoint": proof.note}
    if args.request is not None:
        return evidence_pack(ledger, args.request, tuple(tools.public_keys())).as_json()
    return prove_consistency(ledger, *args.between).as_json()


def _record(args: argparse.Namespace, tools: LedgerTools, after: dict[str, Json]) -> None:
    with tools.writing() as ledger:
        record_export(ledger, after, actor=operate.operator(args), clock=tools.clock, signer=tools.signer)
