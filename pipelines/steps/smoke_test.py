"""Scores known records against an endpoint and compares with the expected results; writes a JUnit report.

The records and expected scores are the run's artifact `evaluation/known_records.json`, logged when the version was
evaluated: what is deployed must give exactly what was evaluated.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import requests
from common import SECONDS, StepError, endpoint_url, mlflow_get, mlflow_headers, run_step

ARTIFACT = "evaluation/known_records.json"


def main() -> None:
    """Score, compare, report; a difference fails the step after the report is written."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--serving-url", "--endpoint", "--mlflow-url", "--model", "--version", "--report"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    known = read_known(arguments.mlflow_url, arguments.model, arguments.version)
    start = time.perf_counter()
    answer = score(endpoint_url(arguments.serving_url, arguments.endpoint), known)
    seconds = time.perf_counter() - start
    cases = compare(known, answer, arguments.version)
    write_report(Path(arguments.report), cases, seconds)
    failed = [name for name, failure in cases if failure]
    print(f"{len(cases) - len(failed)} of {len(cases)} checks passed, {seconds:.2f} s.")
    if failed:
        raise StepError(f"{len(failed)} checks failed, the first: {failed[0]}")


def read_known(mlflow_url: str, model: str, version: str) -> dict[str, Any]:
    """The version's known records. Raises StepError when it has none."""
    found = mlflow_get(mlflow_url, "model-versions/get", name=model, version=version)["model_version"]
    run_id = found.get("run_id")
    if not run_id:
        raise StepError(f"{model} v{version} has no run, so no known records.")
    answer = requests.get(
        f"{mlflow_url.rstrip('/')}/get-artifact",
        params={"run_id": run_id, "path": ARTIFACT}, headers=mlflow_headers(), timeout=SECONDS,
    )  # fmt: skip
    if not answer.ok:
        raise StepError(f"The run has no {ARTIFACT}: log the records and the expected scores with it.")
    value: dict[str, Any] = answer.json()
    return value


def score(url: str, known: dict[str, Any]) -> dict[str, Any]:
    """Ask the endpoint."""
    body = {"dataframe_split": {"columns": known["columns"], "data": known["data"]}}
    answer = requests.post(f"{url}/invocations", json=body, timeout=60)
    if not answer.ok:
        raise StepError(f"The endpoint answers {answer.status_code}: {answer.text[:300]}")
    value: dict[str, Any] = answer.json()
    return value


def compare(known: dict[str, Any], answer: dict[str, Any], version: str) -> list[tuple[str, str]]:
    """Name and failure (empty when it passed) of each check."""
    predictions, expected = answer.get("predictions", []), known["expected"]
    served = str(answer.get("model_version", version))
    cases = [("the wanted version answers", "" if served == version else f"version {served} answers, not {version}")]
    count = "" if len(predictions) == len(expected) else f"{len(predictions)} answers for {len(expected)} records"
    cases.append(("every record is answered", count))
    for row_id, got, want in zip(known["row_ids"], predictions, expected, strict=False):
        value = got[-1] if isinstance(got, list) else got
        is_same = math.isclose(float(value), float(want), abs_tol=known["tolerance"])
        cases.append((f"record {row_id}", "" if is_same else f"score {value}, expected {want}"))
    return cases


def write_report(path: Path, cases: list[tuple[str, str]], seconds: float) -> None:
    """A JUnit report."""
    failures = sum(bool(failure) for _, failure in cases)
    suite = ET.Element("testsuite", name="smoke test", tests=str(len(cases)), failures=str(failures))
    suite.set("time", f"{seconds:.3f}")
    for name, failure in cases:
        case = ET.SubElement(suite, "testcase", classname="smoke", name=name, time=f"{seconds / len(cases):.4f}")
        if failure:
            ET.SubElement(case, "failure", message=failure)
    path.write_bytes(ET.tostring(suite, encoding="utf-8", xml_declaration=True))
    print(json.dumps({"report": str(path), "tests": len(cases), "failures": failures}))


if __name__ == "__main__":
    run_step(main)
