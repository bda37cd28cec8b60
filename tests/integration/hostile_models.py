"""Saves real MLflow pyfunc models that do what a portal must survive. Run by the tests in a process of its own.

Usage: python -m tests.integration.hostile_models FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression


class Hanging(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow's base is untyped
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        import time

        while True:
            time.sleep(60)


class Crashing(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # as above
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        import ctypes

        print("about to read address zero", flush=True)
        ctypes.string_at(0)


class Hungry(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # as above
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return np.ones(50 * 2**30 // 8)


class Spawning(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # as above
    """Each process stays below the limit of one; all together they do not."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        import os
        import time

        for _ in range(12):
            if os.fork() == 0:
                block = bytearray(300 * 2**20)
                for place in range(0, len(block), 4096):
                    block[place] = 1
                time.sleep(600)
        time.sleep(600)


class Talkative(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # as above
    """Prints and returns whatever secret it can find."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        import os
        from pathlib import Path

        found = [f"{k}={v}" for k, v in os.environ.items()]
        for path in [*model_input["path"], *Path("/proc").glob("*/environ")]:
            try:
                found.append(Path(path).read_bytes()[:100_000].decode("utf-8", "replace"))
            except OSError as error:
                found.append(f"{path}: {error.strerror}")
        text = "\n".join(found)
        print(text, flush=True)
        return [text] * len(model_input)


class Calling(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # as above
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        import socket

        with socket.create_connection(("127.0.0.1", int(model_input["port"][0])), timeout=5) as line:
            line.sendall(b"the rows of your customers")
        return ["sent"]


class Scribbling(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # as above
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        from pathlib import Path

        with Path(model_input["path"][0]).open("a") as stream:
            stream.write("changed by a model")
        return ["written"]


class Flooding(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # as above
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        while True:
            print("x" * 1_000_000)


class Leaving(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # as above
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        sys.exit("I leave")


class Failing(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # as above
    def load_context(self, context: Any) -> None:
        raise ImportError("no module named a_library_that_is_not_here")

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return []


HOSTILE = (Hanging, Crashing, Hungry, Spawning, Talkative, Calling, Scribbling, Flooding, Leaving, Failing)


def main(folder: Path) -> None:
    """One folder a model, by the class's name in lower case, and one honest model."""
    for kind in HOSTILE:
        mlflow.pyfunc.save_model(str(folder / kind.__name__.lower()), python_model=kind(), pip_requirements=["mlflow"])
    rows = pd.DataFrame({"age": np.arange(40.0), "hours": np.arange(40.0) % 7})
    model = LogisticRegression().fit(rows, rows["age"] > 20)
    signature = mlflow.models.infer_signature(rows, model.predict(rows))
    mlflow.sklearn.save_model(model, str(folder / "honest"), signature=signature, pip_requirements=["scikit-learn"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
