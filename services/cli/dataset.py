"""`countersign dataset digest PATH`. Exit codes: 0 printed, 1 not (the message says why), 2 wrong usage."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from services.domain.datasets import content_tag

Say = Callable[[str], None]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """The parser of `countersign dataset`."""
    text = "a digest over every value of a table, for data sets that MLflow's own digest covers in part"
    parser = commands.add_parser("dataset", help=text, description=f"{text[0].upper()}{text[1:]}.")
    tasks = parser.add_subparsers(title="tasks", required=True, metavar="TASK", dest="task")
    digest = tasks.add_parser("digest", help="print the digest of a Parquet, CSV or Delta table")
    digest.add_argument("path", type=Path, help="a file, a folder of Parquet files, or a Delta table")
    digest.add_argument("--name", default="", help="the data set's name in MLflow; prints the run tag to set, too")
    digest.add_argument(
        "--mlflow-digest", default="", help="MLflow's digest, where the run has several data sets of that name"
    )
    digest.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def run(args: argparse.Namespace, say: Say = print) -> int:
    """Compute and print. Raises NotFoundError, InvalidInputError."""
    from services.datasets.reading import digest_of_path

    found = digest_of_path(args.path)
    tag = content_tag(args.name, args.mlflow_digest) if args.name else None
    if args.json:
        say(json.dumps({"digest": found.digest, "rows": found.rows, "columns": list(found.columns), "tag": tag}))
        return 0
    say(found.digest)
    if tag:
        say(f"mlflow.set_tag({tag!r}, {found.digest!r})")
    return 0
