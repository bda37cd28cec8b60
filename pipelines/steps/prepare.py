"""Installs the packages that the steps import for the target in use, unless they are already installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

SECONDS = 600
HOME = Path(__file__).resolve().parent.parent
NEEDED = {
    "requirements.txt": ("requests",),
    "requirements-databricks.txt": ("databricks.sdk",),
    "requirements-azureml.txt": ("azure.ai.ml", "azure.identity"),
}


def main() -> int:
    """Install each requirements file with missing packages; pip's exit code becomes the step's."""
    target = os.environ.get("SERVINGTARGET", "")
    files = ["requirements.txt", f"requirements-{target}.txt"]
    missing = [name for name in files if name in NEEDED and not all(is_there(module) for module in NEEDED[name])]
    if not missing:
        print("Everything is installed.")
        return 0
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for name in missing:
        command += ["-r", str(HOME / name)]
    return subprocess.run(command, timeout=SECONDS, check=False).returncode


def is_there(module: str) -> bool:
    """True if the module can be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False


if __name__ == "__main__":
    sys.exit(main())
