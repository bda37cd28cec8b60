"""Computes the digest over every value of a training or evaluation table and writes it on the run as a tag.

MLflow's own digest leaves parts of the data out (docs/evidence.md). The portal shows and signs this one where it is
there. Runs `countersign dataset digest`: install Countersign's package on the agent.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import StepError, mlflow_get, mlflow_post, option, run_step


def main() -> None:
    """Compute, tag, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    option(parser, "--mlflow-url")
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--path", required=True, help="file, folder of Parquet files, or Delta table")
    parser.add_argument("--name", required=True, help="the data set's name in MLflow")
    parser.add_argument("--mlflow-digest", default="", help="where the run has several data sets of that name")
    parser.add_argument("--seconds", type=float, default=3600, help="deadline; default: %(default)s")
    arguments = parser.parse_args()
    demand_data_set(arguments.mlflow_url, arguments.run_id, arguments.name, arguments.mlflow_digest)
    found = digest(arguments.path, arguments.name, arguments.mlflow_digest, seconds=arguments.seconds)
    body = {"run_id": arguments.run_id, "key": found["tag"], "value": found["digest"]}
    mlflow_post(arguments.mlflow_url, "runs/set-tag", body)
    print(f"{found['tag']} = {found['digest']} ({found['rows']:,} rows)")


def demand_data_set(url: str, run_id: str, name: str, mlflow_digest: str) -> None:
    """The run has exactly one data set that is meant. Raises StepError."""
    inputs = mlflow_get(url, "runs/get", run_id=run_id)["run"].get("inputs", {}).get("dataset_inputs", [])
    same = [item["dataset"].get("digest", "") for item in inputs if item["dataset"].get("name") == name]
    if not same:
        raise StepError(f"Run {run_id} has no data set {name}. Log it first, with mlflow.log_input.")
    if mlflow_digest and mlflow_digest not in same:
        raise StepError(
            f"Run {run_id} has the data set {name} with the digests {', '.join(same)}, not {mlflow_digest}."
        )
    if not mlflow_digest and len(same) > 1:
        raise StepError(
            f"Run {run_id} has {len(same)} data sets {name}. Say which: --mlflow-digest {' or '.join(same)}."
        )


def digest(path: str, name: str, mlflow_digest: str, *, seconds: float) -> dict[str, Any]:
    """What the command prints. Raises StepError."""
    program, folder = command()
    asked = [
        "dataset",
        "digest",
        str(Path(path).absolute()),
        "--json",
        "--name",
        name,
        "--mlflow-digest",
        mlflow_digest,
    ]
    try:
        done = subprocess.run(
            [*program, *asked], cwd=folder, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise StepError(f"The digest of {path} took more than {seconds:g} seconds.") from error
    if done.returncode:
        raise StepError(f"There is no digest of {path}: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def command() -> tuple[list[str], Path | None]:
    """Countersign's command, from the repository that this step lies in or as installed. Raises StepError."""
    root = Path(__file__).resolve().parents[2]
    if (root / "services" / "cli" / "main.py").is_file():
        return [sys.executable, "-m", "services.cli.main"], root
    installed = shutil.which("countersign")
    if installed:
        return [installed], None
    raise StepError("The command countersign is not installed here. Install Countersign's package on the agent.")


if __name__ == "__main__":
    run_step(main)
