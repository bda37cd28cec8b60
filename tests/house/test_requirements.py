"""What requirements.in declares is used by what is installed from it."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ("services", "dashboard", "azure_devops_server")
BY_NAME_ONLY = {
    "psycopg": "SQLAlchemy loads it by the address of the database",
    "uvicorn": "Streamlit and the Azure DevOps server are served by it",
}


def declared() -> set[str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines())
    return {re.split(r"[\[<>=;~! ]", line)[0].lower().replace("_", "-") for line in lines if line}


def test_requirements__each_one_declared__is_used_by_the_product() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8") for folder in INSTALLED for path in (ROOT / folder).rglob("*.py")
    )
    modules = set(re.findall(r"^\s*(?:from|import)\s+([\w.]+)", sources, re.MULTILINE))
    modules |= set(re.findall(r"\"((?:azure|msrest)[\w.]+)\"", sources))  # loaded late, by name
    used = {top.lower().replace("_", "-") for top in modules} | {module.split(".")[0] for module in modules}
    named = packages_distributions()
    found = {owner.lower().replace("_", "-") for top in used for owner in named.get(top, ())}
    found |= {module.replace(".", "-").split("-v7")[0] for module in modules if module.startswith("azure.")}
    assert declared() - found - set(BY_NAME_ONLY) == set()
