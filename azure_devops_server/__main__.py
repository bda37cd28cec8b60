"""``python -m azure_devops_server --port N --organization demo --root DIR``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from azure_devops_server.config import ServerConfig
from azure_devops_server.server import AzureDevOpsServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; the first line of output is the organization's URL."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        server = AzureDevOpsServer(_config(options))
    except OSError as error:
        print(f"Cannot serve on port {options.port}: {error}", file=sys.stderr)
        return 1
    print(server.url, flush=True)
    server.serve()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m azure_devops_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--organization", default="demo", help="organization, or collection path with --on-premises")
    parser.add_argument("--root", type=Path, required=True, help="folder for state, logs, artifacts and repositories")
    parser.add_argument("--project", default="ml-platform", help="project that a first start creates")
    parser.add_argument("--token", default=os.environ.pop("AZURE_DEVOPS_DEMO_TOKEN", None),
                        help="personal access token to demand (or the variable AZURE_DEVOPS_DEMO_TOKEN)")  # fmt: skip
    parser.add_argument("--person", action="append", default=[], metavar="NAME=TOKEN", help="one more person")
    parser.add_argument("--on-premises", action="store_true", help="act as Azure DevOps Server: one host, no areas")
    parser.add_argument("--parallel", type=int, default=4, help="runs that execute at the same time")
    parser.add_argument("--any-variable", action="store_true", help="let every variable be set when a run is queued")
    parser.add_argument("--minute", type=float, default=60.0, help="seconds in a minute of time-outs and retries")
    return parser


def _config(options: argparse.Namespace) -> ServerConfig:
    people = dict(item.split("=", 1)[::-1] for item in options.person if "=" in item)
    return ServerConfig(
        root=options.root.resolve(),
        organization=options.organization.strip("/"),
        project=options.project,
        token=options.token or None,
        people=people,
        on_premises=options.on_premises,
        parallel_runs=options.parallel,
        limit_variables=not options.any_variable,
        seconds_per_minute=options.minute,
        port=options.port,
    )


if __name__ == "__main__":
    sys.exit(main())
