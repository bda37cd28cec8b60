"""The last part of the check: everything about one prediction, and then the same without MLflow."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from demo.layout import Layout
from demo.portal_access import opened_portal
from demo.world.names import MODEL

VERIFIER = Path(__file__).resolve().parents[1] / "tools" / "verify_ledger.py"
COMMAND_SECONDS = 120
ANSWER = ".cs-answer"


def score_again(page: Any) -> None:
    """The logged input, scored again by the version that answered."""
    page.get_by_role("button", name="Replay").click()
    page.get_by_text("gave exactly the logged answer").first.wait_for()


def show_reasons(page: Any) -> None:
    """What each input moved, plotted and in words, and the nearest examples."""
    page.get_by_role("button", name="Explain").click()
    page.get_by_text(re.compile("Main contributions")).first.wait_for()
    page.get_by_text("Nearest examples with another outcome").first.wait_for()


def download_dossier(page: Any) -> bytes:
    """The zip file, as the browser gets it."""
    page.get_by_role("button", name="Create dossier").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download dossier").click()
    return Path(waiting.value.path()).read_bytes()


def verify_offline(dossier: bytes, layout: Layout) -> None:
    """As an auditor: a bare Python, the script, the pinned key and the witness's own copy; no portal."""
    pinned = command(layout, "ledger", "key").splitlines()[0]
    with TemporaryDirectory() as folder, zipfile.ZipFile(io.BytesIO(dossier)) as files:
        files.extractall(folder)
        pack = Path(folder) / "evidence-pack.json"
        arguments = [str(pack), "--vkey", pinned, "--witness", str(layout.directory / "witness")]
        said = _run([sys.executable, "-S", "-I", str(VERIFIER), *arguments], None)
        assert "integrity: holds" in said, said
        assert "completeness: holds" in said, said
        sealed = sorted((Path(folder) / "sealed").iterdir())
        digests = [f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in sealed]
        assert len(digests) == 3, sealed
        assert all(digest in pack.read_text() for digest in digests), "a sealed document is not the one in the ledger"


def answer_of_command(layout: Layout, prediction: str) -> str:
    """The sentence that the command line prints."""
    return command(layout, "why", "--prediction", prediction).splitlines()[0]


def delete_in_mlflow(layout: Layout, version: int) -> None:
    """The model version and the run that trained it, as an administrator of MLflow would; the portal reads it again."""
    api = f"{layout.mlflow_url}/api/2.0/mlflow"
    named = {"name": MODEL, "version": str(version)}
    found = requests.get(f"{api}/model-versions/get", params=named, timeout=10).json()["model_version"]
    requests.delete(f"{api}/model-versions/delete", json=named, timeout=10).raise_for_status()
    requests.post(f"{api}/runs/delete", json={"run_id": found["run_id"]}, timeout=10).raise_for_status()
    with opened_portal(layout) as opened:
        opened.sync.refresh([MODEL])


def command(layout: Layout, *arguments: str) -> str:
    """What `countersign …` prints with the portal's settings."""
    return _run([sys.executable, "-m", "services.cli.main", *arguments], {**os.environ, **layout.portal_settings()})


def _run(arguments: list[str], environment: dict[str, str] | None) -> str:
    done = subprocess.run(
        arguments, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False, env=environment
    )
    assert done.returncode == 0, f"{' '.join(arguments[-4:])}: exit code {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout
