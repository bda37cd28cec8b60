"""`countersign policy lint | replay | explain | schema`. Exit codes: 0 success, 1 errors or differences, 2 usage."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from services.clock import SystemClock
from services.database.unit import Units
from services.domain.identity.people import Actor
from services.errors import NotFoundError
from services.policies.directory import read_people
from services.policies.file import GovernanceFile
from services.policies.lint import has_errors, lint
from services.policies.reading import GovernanceText, parse_text, read_text
from services.policies.words import in_words
from services.promotions.replay import replay

Known = Callable[[], tuple[Path, Sequence[Actor]]]
"""The active policy file and the people whom the portal knows."""
Say = Callable[[str], None]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """The parser of `countersign policy`."""
    text = "check, replay and explain the policy file"
    parser = commands.add_parser("policy", help=text, description=f"{text[0].upper()}{text[1:]}.")
    tasks = parser.add_subparsers(title="tasks", required=True, metavar="TASK", dest="task")
    check = tasks.add_parser("lint", help="check that the known people can satisfy each policy")
    _files(check)
    check.add_argument("--strict", action="store_true", help="warnings count as errors")
    again = tasks.add_parser("replay", help="show what another policy would have decided on past requests")
    again.add_argument("file", type=Path, help="the policy file to test")
    _people(again)
    again.add_argument("--all", action="store_true", help="also show requests with the same outcome")
    words = tasks.add_parser("explain", help="explain the policy that applies to a model")
    words.add_argument("model")
    words.add_argument("environment")
    words.add_argument("--file", type=Path, help="a policy file; default: the active one")
    tasks.add_parser("schema", help="the JSON Schema of governance.yaml, for editors")
    return parser


def _files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", help="a policy file; default: the active one")
    _people(parser)


def _people(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--people", type=Path, help="YAML or JSON list of {id, name, roles, groups}; default: people the portal knows"
    )


def run(args: argparse.Namespace, known: Known, units: Callable[[], Units], say: Say = print) -> int:
    """Run one task; returns the exit code. Raises PortalError."""
    if args.task == "schema":
        say(schema())
        return 0
    if args.task == "explain":
        return _explain(_text(args.file, known), args.model, args.environment, say)
    text = _text(args.file, known)
    people = read_people(args.people, text.rules) if args.people else known()[1]
    return _lint(text, people, args.strict, say) if args.task == "lint" else _replay(text, people, units(), args, say)


def schema() -> str:
    """The JSON Schema, as published in docs/governance.schema.json."""
    return json.dumps(GovernanceFile.model_json_schema(by_alias=True), indent=2, sort_keys=True)


def _text(file: Path | None, known: Known) -> GovernanceText:
    path = file or known()[0]
    return parse_text(read_text(path), name=path.name)


def _lint(text: GovernanceText, people: Sequence[Actor], strict: bool, say: Say) -> int:  # noqa: FBT001 - one caller
    remarks = lint(text, people, SystemClock().now())
    for remark in remarks:
        say(remark.in_words(text.name))
    failed = has_errors(remarks) or (strict and bool(remarks))
    proved = f"{len(text.rules.policies)} policies, {len(people)} people"
    warned = f"no errors, {len(remarks)} warnings to read" if remarks else "every policy can be satisfied"
    say(f"{text.name}: {'NOT ready to activate' if failed else warned} ({proved}).")
    return 1 if failed else 0


def _replay(text: GovernanceText, people: Sequence[Actor], units: Units, args: argparse.Namespace, say: Say) -> int:
    total = changed = 0
    for outcome in replay(units, text.rules, people):
        total, changed = total + 1, changed + outcome.differs
        if outcome.differs or args.all:
            say(outcome.in_words())
    say(f"{changed} of {total} past requests would have a different outcome.")
    return 1 if changed else 0


def _explain(text: GovernanceText, model: str, environment: str, say: Say) -> int:
    policy = text.rules.policy_for(model, environment)
    if policy is None:
        known = ", ".join(text.rules.environments)
        raise NotFoundError(
            f"No policy covers {model} in {environment}: promotions are not allowed.",
            hint=f"Environments: {known}. Add a policy to {text.name}.",
        )
    say(f"{model} to {environment}, under the policy for {policy.models!r} in {text.name}:")
    for line in in_words(policy, text.rules.environments[environment]):
        say(f"- {line}")
    return 0
