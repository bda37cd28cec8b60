"""Known records: rows with the scores that a version must return wherever it is deployed.

They are the run's artifact `evaluation/known_records.json`, logged when the version was evaluated:
``{"columns": [...], "data": [[...]], "row_ids": [...], "expected": [...], "tolerance": 1e-6}``.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import requests
from common import SECONDS, StepError, mlflow_get, mlflow_headers
from junit_counts import keep_exit_code
from targets import Records, Scores, Target

ARTIFACT = "evaluation/known_records.json"


@dataclass(frozen=True)
class Case:
    """One check; `failure` is empty when it passed."""

    name: str
    failure: str = ""


@dataclass(frozen=True)
class Known:
    """Rows, and what is expected of them."""

    records: Records
    row_ids: list[str]
    expected: list[float]
    tolerance: float


def read_known(mlflow_url: str, model: str, version: str) -> Known:
    """The version's known records. Raises StepError if it has none, or they are not as described above."""
    found = mlflow_get(mlflow_url, "model-versions/get", name=model, version=version)["model_version"]
    run_id = found.get("run_id")
    if not run_id:
        raise StepError(f"{model} v{version} has no run, so no known records.")
    answer = requests.get(
        f"{mlflow_url.rstrip('/')}/get-artifact",
        params={"run_id": run_id, "path": ARTIFACT}, headers=mlflow_headers(), timeout=SECONDS,
    )  # fmt: skip
    if not answer.ok:
        raise StepError(f"The run {run_id} has no {ARTIFACT}: log the records and the expected scores with it.")
    return parse_known(answer.text)


def parse_known(text: str) -> Known:
    """The records in a file. Raises StepError if they are not as described above."""
    try:
        document = json.loads(text)
        expected = [float(value) for value in document["expected"]]
        records = Records(list(document["columns"]), [list(row) for row in document["data"]])
        row_ids = [str(row) for row in document.get("row_ids", range(1, len(expected) + 1))]
        known = Known(records, row_ids, expected, float(document.get("tolerance", 1e-6)))
    except (ValueError, KeyError, TypeError) as error:
        raise StepError(f"{ARTIFACT} is not as expected ({error!r}); see pipelines/steps/known_records.py.") from error
    if not expected or not len(expected) == len(records.data) == len(row_ids):
        raise StepError(f"{ARTIFACT} must hold as many expected scores and row ids as rows, and at least one.")
    return known


def score_and_compare(target: Target, endpoint: str, known: Known, version: str) -> tuple[list[Case], float]:
    """The checks on what the endpoint answers, and how many seconds it took."""
    start = time.perf_counter()
    scores = target.score(endpoint, known.records)
    return compare(known, scores, version), time.perf_counter() - start


def compare(known: Known, scores: Scores, version: str) -> list[Case]:
    """The version that answered, the count, and each row's score."""
    got = scores.predictions
    cases = []
    if scores.version is not None:
        wrong = "" if scores.version == version else f"version {scores.version} answers, not {version}"
        cases.append(Case("the wanted version answers", wrong))
    count = "" if len(got) == len(known.expected) else f"{len(got)} answers for {len(known.expected)} records"
    cases.append(Case("every record is answered", count))
    for row_id, value, want in zip(known.row_ids, got, known.expected, strict=False):
        cases.append(Case(f"record {row_id}", _difference(value, want, known.tolerance)))
    return cases


def _difference(value: Any, want: float, tolerance: float) -> str:
    score = value[-1] if isinstance(value, list) and value else value
    try:
        is_same = math.isclose(float(score), want, rel_tol=0.0, abs_tol=tolerance)
    except (TypeError, ValueError):
        is_same = False
    return "" if is_same else f"score {score}, expected {want}"


def report(path: Path, title: str, cases: list[Case], seconds: float) -> None:
    """Write a JUnit report and announce it to later steps of the job. Raises StepError if a check failed."""
    failed = [case for case in cases if case.failure]
    suite = ET.Element("testsuite", name=title, tests=str(len(cases)), failures=str(len(failed)))
    suite.set("time", f"{seconds:.3f}")
    for case in cases:
        each = f"{seconds / len(cases):.4f}"
        element = ET.SubElement(suite, "testcase", classname=title, name=case.name, time=each)
        if case.failure:
            ET.SubElement(element, "failure", message=case.failure)
    path.write_bytes(ET.tostring(suite, encoding="utf-8", xml_declaration=True))
    keep_exit_code(path, 1 if failed else 0)
    print("##vso[task.setvariable variable=reportWritten]true")
    print(f"{len(cases) - len(failed)} of {len(cases)} checks passed, {seconds:.2f} s.")
    if failed:
        raise StepError(f"{len(failed)} checks failed, the first: {failed[0].name}: {failed[0].failure}")
