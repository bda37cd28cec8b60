"""`countersign evidence verify REQUEST`: recompute sealed evidence and say equal or not.

Exit codes: 0 equal, 3 not equal, 4 it could not be computed again (a table is gone), 2 no such request or no access.

`countersign evidence candidates MODEL ENVIRONMENT [--open REASON [--as PERSON]]`: rank candidates and ask for the best.
Whoever asks is a person whom the portal knows, or four eyes could not tell requester and reviewer apart.
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
    """Verify, print, and give the exit code."""
    try:
        found = verifier.verify(args.request)
    except PortalError as error:
        sys.stderr.write(f"countersign: {error.sentence()}\n")
        return UNUSABLE
    sys.stdout.write(as_text(found) + "\n")
    return CODES[found.is_equal]


def candidates(args: argparse.Namespace, desk: Candidates, people: Callable[[], Sequence[Actor]] = tuple) -> int:
    """Rank, print, and with `--open` ask for the winner. Exit codes: 0 there is a winner, 3 there is none.

    `people` are those who have signed in. Raises NotAllowedError when it is not clear who asks.
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
        reason = f"{args.open}\n\nAsked for on the command line by the account {account}."
        picked = desk.open_best(actor, args.model, args.environment, reason=reason, earlier_looks=args.earlier_looks)
        sys.stderr.write("\n".join([f"Request {picked.request.id} is open.", *picked.problems]) + "\n")
    return 0


def _looks_only(account: str) -> Actor:
    """Whoever sits at the terminal and asks for nothing."""
    return Actor(Person(f"cli:{account}", f"{account} (command line)"), frozenset({Role.READER}))


def who_asks(named: str | None, account: str, people: Sequence[Actor]) -> Actor:
    """The one person who is meant by `--as`, or by the account's name. Raises NotAllowedError.

    An account that is clearly one person's asks for nobody else.
    """
    own = _meant(account, people)
    found = _meant(named, people) if named else own
    if len(found) != 1:
        what = f"{named or account!r} is {'nobody' if not found else 'more than one person'} whom the portal knows"
        raise NotAllowedError(
            f"Who asks? {what}.",
            hint="Name yourself with --as PERSON (id, e-mail or full name); sign in to the portal once before.",
        )
    if len(own) == 1 and own[0].person.id != found[0].person.id:
        raise NotAllowedError(
            f"The account {account} is {own[0].person.name}'s and cannot ask as {found[0].person.name}.",
            hint="Leave out --as, or use the account of the person who asks.",
        )
    return found[0]


def _meant(name: str, people: Sequence[Actor]) -> list[Actor]:
    wanted = name.strip().casefold()
    return [one for one in people if one.is_known_as(name) or one.person.name.casefold() == wanted]


def as_text(found: Verified) -> str:
    """For people."""
    lines = [f"{found.request_id}: {found.lines[0]}", *(f"  {line}" for line in found.lines[1:])]
    return "\n".join([*lines, *(f"  {line}" for line in found.differences)])
