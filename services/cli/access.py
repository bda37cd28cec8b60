"""`countersign token` and `countersign session`: access to the portal, managed by its operator.

Anyone who can run these commands can open the database anyway; the ledger records each use under the account's name.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.access.sessions import SessionDesk
from services.access.tokens import TokenDesk
from services.domain.identity.people import Actor, Person, Role
from services.domain.identity.tokens import Scope, ServiceToken


class Access(Protocol):
    """What the commands use."""

    @property
    def tokens(self) -> TokenDesk:
        """Service tokens."""

    @property
    def sessions(self) -> SessionDesk:
        """Sign-ins."""


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """The parsers of both commands."""
    token = commands.add_parser("token", help="issue, list and revoke the tokens of pipelines and jobs")
    actions = token.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="issue a token; its secret is printed once")
    create.add_argument("name", help="who uses it, such as release-pipeline")
    create.add_argument("--scope", action="append", type=Scope, choices=list(Scope), required=True)
    create.add_argument("--days", type=float, default=90, help="days until it expires; default: %(default)s")
    create.add_argument("--quiet", action="store_true", help="print the secret and nothing else")
    actions.add_parser("list", help="all tokens, without their secrets")
    actions.add_parser("revoke", help="revoke a token").add_argument("id")
    session = commands.add_parser("session", help="end a person's sessions")
    ending = session.add_subparsers(dest="action", required=True, metavar="ACTION")
    ending.add_parser("end", help="sign a person out everywhere").add_argument("person", help="id as in the ledger")
    return [token, session]


def run(args: argparse.Namespace, access: Access) -> int:
    """Run one of the commands; returns the exit code. Raises PortalError."""
    if args.action == "create":
        return _create(args, access.tokens)
    if args.action == "list":
        for token in access.tokens.find(administrator()):
            _say(_line(token, datetime.now(UTC)))
        return 0
    if args.action == "revoke":
        _say(f"{access.tokens.revoke(administrator(), args.id).name} is revoked.")
        return 0
    count = access.sessions.end_all_of(administrator(), args.person)
    _say(f"{count} sessions of {args.person} were ended.")
    return 0 if count else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def administrator() -> Actor:
    """The account that is logged in on this machine."""
    name = getpass.getuser()
    return Actor(Person(f"cli:{name}", f"{name} (command line)"), frozenset({Role.ADMINISTRATOR}))


def _create(args: argparse.Namespace, tokens: TokenDesk) -> int:
    lifetime = timedelta(days=args.days)
    token, secret = tokens.issue(administrator(), args.name, scopes=args.scope, lifetime=lifetime)
    if not args.quiet:
        _say(f"{token.id} {token.name}, until {token.expires:%Y-%m-%d}. Save the secret; it is not shown again:")
    _say(secret)
    return 0


def _line(token: ServiceToken, now: datetime) -> str:
    state = "revoked" if token.revoked else ("good" if token.holds(now) else "expired")
    used = f"{token.last_used:%Y-%m-%d %H:%M}" if token.last_used else "never"
    scopes = ",".join(sorted(token.scopes))
    return f"{token.id}  {state:8} {token.name}  {scopes}  until {token.expires:%Y-%m-%d}  last used {used}"
