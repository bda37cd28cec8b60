"""MLflow's tables of evaluated rows, as `mlflow.genai.evaluate` gives them: one column `SCORER/value` a scorer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.catalogue.test_reports.documents import Reading, UnreadableError, as_dict, shortened
from services.domain import test_results as results
from services.domain.catalogue import TestCase
from services.domain.examined import LeftOut

_VALUE = "/value"
_PASSED, _FAILED = {"yes", "true", "pass", "passed"}, {"no", "false", "fail", "failed"}


def is_table(value: Any) -> bool:
    """A table as `mlflow.log_table` and pandas (orient split) write it."""
    fields = as_dict(value)
    return isinstance(fields.get("columns"), list) and isinstance(fields.get("data"), list)


def has_verdicts(value: Any) -> bool:
    """Whether a table holds what scorers said; a table of labels and scores holds no test."""
    return is_table(value) and any(str(name).endswith(_VALUE) for name in value["columns"])


def read(value: dict[str, Any]) -> Reading:
    """Each answer of a scorer is a test. Raises UnreadableError where the table is not whole, or no scorer judged."""
    columns = [str(name) for name in value["columns"]]
    if any(not isinstance(row, list) or len(row) != len(columns) for row in value["data"]):
        raise UnreadableError("A row of the table has not as many cells as there are columns.")
    rows = [dict(zip(columns, row, strict=True)) for row in value["data"]]
    scorers = [name.removesuffix(_VALUE) for name in columns if name.endswith(_VALUE)]
    cases = [case for scorer in scorers for case in _cases(scorer, rows)]
    if not cases:
        raise UnreadableError("No scorer gave a value.")
    silent = [
        LeftOut(f"scorer {name}", "it gave no value") for name in scorers if not any(c.suite == name for c in cases)
    ]
    return Reading(tuple(cases), left_out=tuple(silent))


def _cases(scorer: str, rows: list[dict[str, Any]]) -> Iterator[TestCase]:
    for number, row in enumerate(rows, 1):
        value, error = row.get(scorer + _VALUE), row.get(f"{scorer}/error_message")
        name = f"{scorer}, row {number}"
        if error:
            yield TestCase(name, results.ERROR, None, shortened(error), scorer)
        elif value is not None and value == value:  # noqa: PLR0124 - NaN: the scorer gave nothing for this row
            word = str(value).strip().lower()
            outcome = results.PASSED if word in _PASSED else results.FAILED if word in _FAILED else results.NOT_RUN
            unclear = f"{shortened(value)[:100]} is neither yes nor no, and the table does not say what passes."
            message = unclear if outcome == results.NOT_RUN else shortened(row.get(f"{scorer}/rationale"))
            yield TestCase(name, outcome, None, message, scorer)
