"""The command `countersign evidence compare`: the same engine on two tables, for pipelines and for anyone.

Exit codes: 0 promote, 3 hold, 4 reject, 2 the input cannot be used. `--exit-zero` turns 3 and 4 into 0.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from services.errors import PortalError

if TYPE_CHECKING:
    from services.evidence.aspects.leaks import TrainingRows
    from services.evidence.record import Comparison
    from services.evidence.rows.inputs import Columns, Predictions

EXIT_CODES = {"promote": 0, "hold": 3, "reject": 4}
UNUSABLE = 2


def add_parser(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
    *,
    verify: Callable[[argparse.Namespace], int] | None = None,
    candidates: Callable[[argparse.Namespace], int] | None = None,
) -> argparse.ArgumentParser:
    """Add `evidence` to the portal's command line: `compare`, and what needs a portal where its function is given."""
    parser = subparsers.add_parser("evidence", help="compare predictions from tables, or recompute sealed evidence")
    commands = parser.add_subparsers(dest="evidence_command", required=True)
    add_compare(commands)
    if verify is not None:
        checked = commands.add_parser("verify", help="recompute a request's sealed evidence and say equal or not")
        checked.add_argument("request", metavar="REQUEST", help="id of the promotion request")
        checked.set_defaults(run=verify)
    if candidates is not None:
        ranked = commands.add_parser("candidates", help="rank the versions tagged as candidates against what is live")
        ranked.add_argument("model", metavar="MODEL", help="registered model")
        ranked.add_argument("environment", metavar="ENVIRONMENT", help="environment of the policy")
        ranked.add_argument(
            "--earlier-looks", type=int, default=0, metavar="N", help="comparisons made before on the rows"
        )
        ranked.add_argument("--open", metavar="REASON", help="open the request for the winner, clear the others' tags")
        ranked.add_argument(
            "--as", dest="person", metavar="PERSON", help="who asks, where the account's name does not say it"
        )
        ranked.add_argument("--json", action="store_true", help="print JSON instead of text")
        ranked.set_defaults(run=candidates)
    return parser


def add_compare(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add `compare`; `run` is its function."""
    parser = subparsers.add_parser(
        "compare",
        help="compare two versions' predictions on the same rows",
        description="Compare a candidate's predictions with the current version's on the same held-out rows.",
        epilog="Exit codes: 0 promote, 3 hold, 4 reject, 2 the input cannot be used.",
    )
    parser.add_argument("candidate", type=Path, help="table of the candidate: Parquet, CSV or JSON")
    parser.add_argument("current", type=Path, nargs="?", help="table of the current version; without it: a baseline")
    _add_columns(parser)
    _add_choices(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--curves", action="store_true", help="add the curves' points to the JSON")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is recommended")
    parser.set_defaults(run=run)
    return parser


def _add_columns(parser: argparse.ArgumentParser) -> None:
    columns = parser.add_argument_group("columns")
    columns.add_argument("--key", default="row_id", help="row id, unique in each table (default row_id)")
    columns.add_argument("--label", default="label", help="what really happened (default label)")
    columns.add_argument(
        "--score",
        default="score",
        help="score of the positive class, or predicted value (default score); classes: prefix of score_<class>",
    )
    columns.add_argument("--prediction", default="prediction", help="predicted class (default prediction)")
    columns.add_argument("--weight", default="weight", help="weight of a row (default weight, where present)")
    columns.add_argument("--slice", action="append", metavar="COL", dest="slices", help="slice by it; repeatable")
    columns.add_argument("--fairness", action="append", metavar="COL", help="fairness by this column; repeatable")
    columns.add_argument("--group", metavar="COL", help="rows of one value belong together and are resampled together")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    choices = parser.add_argument_group("choices")
    choices.add_argument("--task", choices=["binary", "multiclass", "regression"], default="binary")
    choices.add_argument("--metric", help="primary metric (default auc, accuracy or rmse)")
    choices.add_argument("--positive", metavar="LABEL", help="the label that counts as positive")
    choices.add_argument(
        "--margin", type=_non_negative, default=0.0, help="difference that does not matter (default 0)"
    )
    choices.add_argument("--slice-margin", type=_non_negative, help="the same for slices (default: as --margin)")
    choices.add_argument("--accept", choices=["better", "not_worse"], default="better", help="what may be promoted")
    choices.add_argument("--baseline", type=_finite, metavar="VALUE", help="threshold for a first version")
    choices.add_argument("--threshold", type=_finite, default=0.5, help="score from which on it is a yes (default 0.5)")
    choices.add_argument("--cost-false-positive", type=_non_negative, default=1.0)
    choices.add_argument("--cost-false-negative", type=_non_negative, default=1.0)
    choices.add_argument("--quantile", type=_share, default=0.5, help="quantile of the pinball loss (default 0.5)")
    choices.add_argument("--resamples", type=_resamples, default=1000)
    choices.add_argument("--seed", type=int, default=0)
    choices.add_argument("--bar", type=_share, default=0.9, help="bar of the published win-rate rule (default 0.9)")
    choices.add_argument("--replay", action="store_true", help="judge that rule on the reference's own random stream")
    choices.add_argument("--stratified", action="store_true", help="keep the number of positives in each resample")
    choices.add_argument("--train", type=Path, metavar="TABLE", help="training data, for the leak check")
    choices.add_argument("--row-limit", type=_resamples, help="rows kept of a large table (default 2,000,000)")


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}")
    return value


def _non_negative(text: str) -> float:
    value = _finite(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def _share(text: str) -> float:
    value = _finite(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must lie in 0..1")
    return value


def _resamples(text: str) -> int:
    value = _finite(text)
    if value < 1 or value != int(value):
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(value)


def run(args: argparse.Namespace) -> int:
    """Compare, print, and give the exit code."""
    try:
        found = _compare(args)
    except PortalError as error:
        return _failed(error, as_json=args.json)
    if args.json:
        sys.stdout.write(json.dumps(found.to_json(), indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    else:
        from services.evidence.report import as_text

        sys.stdout.write(as_text(found) + "\n")
    return 0 if args.exit_zero else EXIT_CODES[found.recommendation.value]


def _failed(error: PortalError, *, as_json: bool) -> int:
    if as_json:
        document = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    from services.evidence.words import printable

    sys.stderr.write(f"countersign: {printable(error.message)}\n")
    if error.hint:
        sys.stderr.write(f"hint: {printable(error.hint)}\n")
    return UNUSABLE


def _compare(args: argparse.Namespace) -> Comparison:
    from services.evidence.baseline import first_version
    from services.evidence.comparison import compare
    from services.evidence.rows.inputs import Columns

    columns = Columns(
        args.key, args.label, args.score, args.prediction, args.weight, args.group, tuple(args.slices or ()) or None
    )
    candidate = _predictions(args, args.candidate, "candidate", columns)
    common = {
        "task": args.task,
        "options": _options(args),
        "training": _training(args, candidate),
        "positive": args.positive,
    }
    if args.current is None:
        return first_version(candidate, threshold=args.baseline, **common)
    return compare(candidate, _predictions(args, args.current, "current", columns), **common)


def _predictions(args: argparse.Namespace, path: Path, name: str, columns: Columns) -> Predictions:
    from services.evidence.rows.inputs import Task, predictions_from_table
    from services.evidence.rows.tables import ROW_LIMIT, read_table

    table = read_table(path, name=name, key=columns.key, row_limit=args.row_limit or ROW_LIMIT)
    return predictions_from_table(table, columns, task=Task(args.task))


def _training(args: argparse.Namespace, candidate: Predictions) -> TrainingRows | None:
    if args.train is None:
        return None
    from services.evidence.aspects.leaks import training_rows
    from services.evidence.rows.tables import read_table

    table = read_table(args.train, name="training")
    return training_rows(table, key=args.key, columns=candidate.further)


def _options(args: argparse.Namespace) -> object:
    from services.evidence.comparison import Options
    from services.evidence.measures.metrics import Settings

    return Options(
        metric=args.metric,
        margin=args.margin,
        slice_margin=args.slice_margin,
        resamples=args.resamples,
        seed=args.seed,
        bar=args.bar,
        slices=tuple(args.slices) if args.slices else None,
        fairness=tuple(args.fairness) if args.fairness else None,
        accept_not_worse=args.accept == "not_worse",
        replay_reference=args.replay,
        stratified=args.stratified,
        settings=Settings(args.threshold, args.cost_false_positive, args.cost_false_negative, args.quantile),
        with_curves=args.curves,
    )
