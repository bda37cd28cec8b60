"""`countersign evidence verify REQUEST`: recompute sealed evidence and report whether it is equal.

Exit codes: 0 equal, 3 not equal, 4 it could not be recomputed (a table is missing), 2 no such request or no access.

`countersign evidence candidates MODEL ENVIRONMENT [--open REASON [--as PERSON]]`: rank candidates and request the best.
The requester must be a person whom the portal knows; otherwise the four-eyes rule could not be applied.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from services.domain.identity.people import Actor, Person, Role
from services.errors import NotAllowedError, PortalError
from services.promotions.ranking import Candidates
from services.promotions.sealed.verifying import EvidenceVerifier, Verified

CODES = {True: 0, False: 3, None: 4}
UNUSABLE = 2


def verify(args: argparse.Namespace, verifier: EvidenceVerifier) -> int:
    """Verify, print, and return the exit code."""
    try:
        found = verifier.verify(args.request)
    except PortalError as error:
        sys.stderr.write(f"countersign: {error.sentence()}\n")
        return UNUSABLE
    sys.stdout.write(as_text(found) + "\n")
    return CODES[found.is_equal]


def candidates(args: argparse.Namespace, desk: Candidates, people: Callable[[], Sequence[Actor]] = tuple) -> int:
    """Rank, print, and with `--open` request the winner. Exit codes: 0 there is a winner, 3 there is none.

    `people` are those who have signed in. Raises NotAllowedError if the requester is ambiguous.
    """
    account = getpass.getuser()
    actor = who_asks(args.person, account, people()) if args.open else _looks_only(account)
    ranking = desk.rank(actor, args.model, args.environment, earlier_looks=args.earlier_looks)
    if args.json:
        sys.stdout.write(json.dumps(asdict(ranking), indent=2, ensure_ascii=False) + "\n")
    else:
        lines = [
            f"  {line.name}: {line.verdict.replace('_', ' ') or 'not compared'}. {line.reason}"
            for line in ranking.lines
        ]
        sys.stdout.write("\n".join([ranking.sentence, *lines]) + "\n")
    if ranking.winner is None:
        return CODES[False]
    if args.open:
        reason = f"{args.open}\n\nRequested on the command line by the account {account}."
        picked = desk.open_best(actor, args.model, args.environment, reason=reason, earlier_looks=args.earlier_looks)
        sys.stderr.write("\n".join([f"Request {picked.request.id} is open.", *picked.problems]) + "\n")
    return 0


def _looks_only(account: str) -> Actor:
    """The account at the terminal, when it only reads."""
    return Actor(Person(f"cli:{account}", f"{account} (command line)"), frozenset({Role.READER}))


def who_asks(named: str | None, account: str, people: Sequence[Actor]) -> Actor:
    """The person named by `--as`, or by the account's name. Raises NotAllowedError.

    An account that clearly belongs to one person cannot act as another.
    """
    own = _meant(account, people)
    found = _meant(named, people) if named else own
    if len(found) != 1:
        what = f"{named or account!r} matches {'nobody' if not found else 'more than one person'} whom the portal knows"
        raise NotAllowedError(
            f"The requester is unclear: {what}.",
            hint="Name yourself with --as PERSON (id, e-mail or full name); sign in to the portal once first.",
        )
    if len(own) == 1 and own[0].person.id != found[0].person.id:
        raise NotAllowedError(
            f"The account {account} belongs to {own[0].person.name} and cannot act as {found[0].person.name}.",
            hint="Leave out --as, or use that person's account.",
        )
    return found[0]


def _meant(name: str, people: Sequence[Actor]) -> list[Actor]:
    wanted = name.strip().casefold()
    return [one for one in people if one.is_known_as(name) or one.person.name.casefold() == wanted]


def as_text(found: Verified) -> str:
    """For people."""
    lines = [f"{found.request_id}: {found.lines[0]}", *(f"  {line}" for line in found.lines[1:])]
    return "\n".join([*lines, *(f"  {line}" for line in found.differences)])
