"""`countersign evidence verify REQUEST`: recompute sealed evidence and say equal or not.

Exit codes: 0 equal, 3 not equal, 4 it could not be computed again (a table is gone), 2 no such request or no access.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from dataclasses import asdict

from services.domain.people import Actor, Person, Role
from services.errors import PortalError
from services.portal import Candidates
from services.promotions.verifying import EvidenceVerifier, Verified

CODES = {True: 0, False: 3, None: 4}
UNUSABLE = 2


def verify(args: argparse.Namespace, verifier: EvidenceVerifier) -> int:
    """Verify, print, and give the exit code."""
    try:
        found = verifier.verify(args.request)
    except PortalError as error:
        sys.stderr.write(f"countersign: {error.sentence()}\n")
        return UNUSABLE
    sys.stdout.write(as_text(found) + "\n")
    return CODES[found.is_equal]


def candidates(args: argparse.Namespace, desk: Candidates) -> int:
    """Rank, print, and with `--open` ask for the winner. Exit codes: 0 there is a winner, 3 there is none."""
    ranking = desk.rank(args.model, args.environment, earlier_looks=args.earlier_looks)
    if args.json:
        sys.stdout.write(json.dumps(asdict(ranking), indent=2, ensure_ascii=False) + "\n")
    else:
        lines = [
            f"  {line.key}: {line.verdict.replace('_', ' ') or 'not compared'}. {line.reason}" for line in ranking.lines
        ]
        sys.stdout.write("\n".join([ranking.sentence, *lines]) + "\n")
    if ranking.winner is None:
        return CODES[False]
    if args.open:
        name = getpass.getuser()
        actor = Actor(Person(f"cli:{name}", f"{name} (command line)"), frozenset({Role.DATA_SCIENTIST}))
        picked = desk.open_best(actor, args.model, args.environment, reason=args.open, earlier_looks=args.earlier_looks)
        sys.stderr.write("\n".join([f"Request {picked.request.id} is open.", *picked.problems]) + "\n")
    return 0


def as_text(found: Verified) -> str:
    """For people."""
    lines = [f"{found.request_id}: {found.lines[0]}", *(f"  {line}" for line in found.lines[1:])]
    return "\n".join([*lines, *(f"  {line}" for line in found.differences)])
