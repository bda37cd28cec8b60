"""The command line: `countersign serve | worker | sync | doctor | evidence | ledger | why | policy | dataset | …`.

Exit codes: 0 success, 1 failure (the message says why and what to do), 2 usage; `evidence` and `ledger` have their own,
documented in their modules.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Sequence

from services.errors import PortalError

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        code: int = args.run(args)
    except PortalError as error:
        print(f"countersign: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="countersign", description="Approval portal and audit trail for MLflow models."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add(commands, "serve", serve, "run the portal (pages, API and, by default, the worker)")
    _add(commands, "worker", worker, "run sync and rollouts in a separate process")
    _add(commands, "migrate", migrate, "migrate the database to this release's schema")
    sync_parser = _add(commands, "sync", sync, "sync with the MLflow registry once")
    sync_parser.add_argument("--quiet", action="store_true", help="print nothing on success")
    _add(
        commands,
        "doctor",
        doctor,
        "check settings, policy, database, MLflow and Azure DevOps, and report how to fix problems",
    )
    _add_evidence(commands)
    _add_ledger(commands)
    _add_why(commands)
    _add_policy(commands)
    _add_access(commands)
    _add_notices(commands)
    _add_dataset(commands)
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    return parser


def _add_evidence(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.evidence import command

    command.add_parser(commands, verify=_verify_evidence, candidates=_candidates)


def _candidates(args: argparse.Namespace) -> int:
    from services.bootstrap.portal import build_portal, known_people
    from services.cli.candidates import candidates
    from services.settings import load_settings

    settings = load_settings()
    opened = build_portal(settings)
    try:
        return candidates(args, opened.portal.candidates, lambda: known_people(settings))
    finally:
        opened.close()


def _verify_evidence(args: argparse.Namespace) -> int:
    from services.bootstrap.portal import open_verifier
    from services.cli.candidates import verify
    from services.settings import load_settings

    return verify(args, open_verifier(load_settings()))


def _add_ledger(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.cli import ledger as command

    command.add_parser(commands).set_defaults(run=_ledger)


def _add_why(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.cli import why as command

    for parser in command.add_parsers(commands):
        parser.set_defaults(run=_why)


def _add_policy(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.cli import policy as command

    command.add_parser(commands).set_defaults(run=_policy)


def _policy(args: argparse.Namespace) -> int:
    from services.bootstrap.portal import known_people, open_units
    from services.cli import policy as command
    from services.settings import load_settings

    settings = load_settings()
    return command.run(args, lambda: (settings.governance_file, known_people(settings)), lambda: open_units(settings))


def _why(args: argparse.Namespace) -> int:
    from services.bootstrap.portal import build_portal
    from services.cli import why as command
    from services.settings import load_settings

    opened = build_portal(load_settings())
    try:
        return command.run(args, opened.portal, print)
    finally:
        opened.close()


def _ledger(args: argparse.Namespace) -> int:
    from services.bootstrap.ledger import open_ledger
    from services.cli import ledger as command
    from services.settings import load_settings

    with open_ledger(load_settings()) as tools:
        return command.run(args, tools)


def _add_access(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.cli import access as command

    for parser in command.add_parsers(commands):
        parser.set_defaults(run=_access)


def _access(args: argparse.Namespace) -> int:
    from services.bootstrap.portal import open_access
    from services.cli import access as command
    from services.settings import load_settings

    with open_access(load_settings()) as access:
        return command.run(args, access)


def _add_notices(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.cli import notices as command

    command.add_parser(commands).set_defaults(run=_notices)


def _notices(args: argparse.Namespace) -> int:
    from services.bootstrap.portal import open_units
    from services.cli import notices as command
    from services.clock import SystemClock
    from services.settings import load_settings

    return command.run(args, open_units(load_settings()), SystemClock())


def _add_dataset(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.cli import dataset as command

    command.add_parser(commands).set_defaults(run=command.run)


def serve(_: argparse.Namespace) -> int:
    """Run the portal."""
    from dashboard.__main__ import main as run_dashboard

    return run_dashboard() or 0


def worker(_: argparse.Namespace) -> int:
    """Run sync and rollouts until stopped."""
    from services.bootstrap.portal import build_portal
    from services.settings import load_settings

    opened = build_portal(load_settings())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: opened.loop.end())
    opened.loop.start()
    print("The worker is running; stop it with Ctrl-C.")
    opened.loop.wait()
    opened.close()
    return 0


def migrate(_: argparse.Namespace) -> int:
    """Migrate the database to this release's schema."""
    from services.database import migrate as migrations
    from services.database.engine import open_engine
    from services.settings import load_settings

    engine = open_engine(load_settings().database_url)
    before = migrations.current_revision(engine)
    migrations.upgrade(engine)
    print(f"The database is at {migrations.head_revision()} (was: {before or 'empty'}).")
    return 0


def sync(args: argparse.Namespace) -> int:
    """Sync with the registry once."""
    from services.bootstrap.portal import build_portal
    from services.domain.catalogue import VersionQuery
    from services.settings import load_settings

    opened = build_portal(load_settings())
    try:
        if not opened.sync.beat():
            health = opened.portal.health.sources()
            print("; ".join(f"{h.system}: {h.problem} {h.hint}" for h in health if h.problem), file=sys.stderr)
            return 1
        if not args.quiet:
            print(f"{opened.portal.catalogue.search(VersionQuery(page_size=1)).total} versions in the catalogue.")
    finally:
        opened.close()
    return 0


def doctor(_: argparse.Namespace) -> int:
    """Run all checks."""
    from services.cli.doctor import examine
    from services.settings import load_settings

    findings = examine(load_settings())
    for finding in findings:
        print(f"{'ok  ' if finding.is_well else 'FAIL'} {finding.what}: {finding.sentence}")
    return 0 if all(finding.is_well for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
