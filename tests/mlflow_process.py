"""`mlflow server` as one process: ``python mlflow_process.py server …``, with MLflow's own arguments.

MLflow's command line checks its arguments, prepares the database and then starts uvicorn as a child, which imports all
of MLflow once more. Here it serves by itself: the same application under the same settings, up in half the time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import mlflow.server
import uvicorn.main
from mlflow.cli import cli


def _serve(command: Sequence[str], *, extra_env: Mapping[str, str], **_: object) -> NoReturn:
    """In place of MLflow's function that starts ``python -m uvicorn …``."""
    assert list(command[1:3]) == ["-m", "uvicorn"], command
    os.environ.update(extra_env)
    uvicorn.main.main(args=list(command[3:]), standalone_mode=False)
    sys.exit(0)


if __name__ == "__main__":
    mlflow.server._exec_cmd = _serve
    cli(prog_name="mlflow")
