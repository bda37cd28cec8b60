"""The demo: `python -m demo run | check | reset`; `make demo`, `make demo-check` and `make demo-reset` call it."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.layout import open_layout
from demo.processes.children import ProcessError, clear_leftovers, tail
from demo.show import Progress
from demo.start import RunningWorld, running_world
from demo.traffic import score
from demo.world.client import ServerError
from demo.world.names import MODEL

TRAFFIC_SECONDS = 20.0


class InterruptedDemo(Exception):  # noqa: N818 - not an error
    """The demo was asked to stop."""


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, function, text in (
        ("run", run, "build what is missing, start everything, print one address"),
        ("reset", reset, "delete the demo's data"),
        ("check", check, "run the main user journey in a real browser, on fresh data"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(function=function)
        command.add_argument("--directory", type=Path, default=Path(".demo"))
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        code: int = arguments.function(arguments)
    except InterruptedDemo:
        print("\nStopped; no process is left running.", flush=True)
        return 0
    except (ProcessError, ServerError) as error:
        print(f"\nThe demo cannot continue: {error}", file=sys.stderr, flush=True)
        return 1
    return code


def run(arguments: argparse.Namespace) -> int:
    """Start the demo and keep it running until Ctrl-C."""
    progress = Progress()
    layout = open_layout(arguments.directory)
    with running_world(layout, progress) as world:
        print(f"\n  Countersign is ready:  {layout.portal_url}\n", flush=True)
        print(f"  MLflow:        {layout.mlflow_url}", flush=True)
        print(f"  Azure DevOps:  {layout.azure_url}", flush=True)
        print("  Ctrl-C stops it and keeps your work. Start over with: make demo-reset\n", flush=True)
        return _keep_up(world)


def _keep_up(world: RunningWorld) -> int:
    """Send a prediction now and then; detect a process that died."""
    number = 0
    while True:
        time.sleep(TRAFFIC_SECONDS)
        dead = world.group.dead()
        if dead is not None:
            print(f"{dead.name} ended unexpectedly:\n{tail(dead.log)}", file=sys.stderr, flush=True)
            return 1
        number += 1
        with contextlib.suppress(OSError):
            score(world.layout, MODEL, range(1000 + number, 1001 + number))


def reset(arguments: argparse.Namespace) -> int:
    """Delete the demo's data; only a folder that the demo created is removed."""
    directory = arguments.directory.resolve()
    if not directory.exists():
        print("There is no demo data.")
        return 0
    if not (directory / "layout.json").exists():
        print(f"{directory} was not created by the demo; it is left unchanged.", file=sys.stderr)
        return 1
    clear_leftovers(directory)
    shutil.rmtree(directory)
    print("The demo's data is deleted; the next `make demo` starts over.")
    return 0


def check(_: argparse.Namespace) -> int:
    """Start a fresh demo on free ports and run the main user journey in it."""
    from demo.check import main_job

    progress = Progress()
    with TemporaryDirectory(prefix="countersign-check-") as folder:
        layout = open_layout(Path(folder), preferred=False)
        with running_world(layout, progress):
            is_done = main_job(layout, progress)
    print("main job: ok" if is_done else "main job: FAILED", flush=True)
    return 0 if is_done else 1


def _interrupt(number: int, _: object) -> None:
    del number
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    raise InterruptedDemo


if __name__ == "__main__":
    sys.exit(main())
