"""A Python of the job's own: pip in a pipeline never changes the environment that runs the server."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.integration.pipeline_engine.world import World

VERSION = ".".join(str(part) for part in sys.version_info[:2])
USE = f"{{task: UsePythonVersion@0, inputs: {{versionSpec: '{VERSION}'}}, displayName: use}}"


def wheel(folder: Path, name: str, version: str) -> Path:
    """A package of one module, as a wheel that pip installs without a network."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def installed() -> list[tuple[str, str]]:
    """What the environment of these tests holds."""
    return sorted((found.name, found.version) for found in metadata.distributions())


def test_pip__after_use_python_version__installs_into_the_jobs_own(world: World, tmp_path: Path) -> None:
    """Case 25: both spellings of pip, an upgrade of pip itself, and a package that the server's environment has too."""
    before = installed()
    newer = wheel(tmp_path, "pip", "99.0")
    other = wheel(tmp_path, "pluggy", "99.0")
    world.run(f"""
        steps:
        - checkout: none
        - {USE}
        - script: |
            set -e
            python -m pip --version
            pip install --no-index --upgrade {other}
            python -c "import pluggy, sys; print('pluggy', pluggy.version, sys.prefix)"
            python -c "import mlflow; print('shared', mlflow.__file__)"
            python -m pip install --no-index --upgrade {newer}
            python -c "import importlib.metadata as m; print('upgraded to', m.version('pip'))"
            command -v python pip
          displayName: pip
    """)
    log = world.journal.log_of("pip")
    assert world.journal.named("pip").result == "succeeded", log
    assert "pluggy 99.0 " in log
    assert "upgraded to 99.0" in log
    assert "shared " in log
    assert f"{sys.prefix}/bin" not in "\n".join(
        line for line in world.journal.lines("pip") if line.endswith(("/python", "/pip"))
    )
    assert installed() == before


def test_pip__without_a_version_asked_for__does_not_reach_the_servers_environment(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 25: the server was started with its environment on the PATH, as an activated environment is."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    before = installed()
    package = wheel(tmp_path, "pluggy", "98.0")
    world.run(f"""
        steps:
        - checkout: none
        - script: pip install --no-index --upgrade {package} && python -c "import pluggy; print('pluggy', pluggy.version)"
          displayName: pip
        - task: PythonScript@0
          displayName: script
          inputs: {{scriptSource: inline, script: "import sys; print('prefix', sys.prefix)"}}
    """)
    assert "pluggy 98.0" in world.journal.log_of("pip")
    assert f"prefix {sys.prefix}\n" not in world.journal.log_of("script")
    assert installed() == before


def test_pip__in_two_jobs__starts_from_the_same_place(world: World, tmp_path: Path) -> None:
    """Case 25: what one job installs is not there for the next, as on a fresh agent."""
    package = wheel(tmp_path, "only_here", "1.0")
    world.run(f"""
        jobs:
        - job: One
          steps: [{{checkout: none}}, {USE}, {{script: pip install --no-index {package}}}]
        - job: Two
          dependsOn: One
          steps:
          - checkout: none
          - {USE}
          - {{script: python -c 'import only_here', displayName: absent}}
    """)
    assert world.journal.result("__default.One") == "succeeded"
    assert world.journal.named("absent").result == "failed"


def test_use_python__twice_in_a_job__keeps_what_was_installed(world: World, tmp_path: Path) -> None:
    package = wheel(tmp_path, "only_here", "1.0")
    world.run(f"""
        steps:
        - checkout: none
        - {USE}
        - script: pip3 install --no-index {package}
        - {USE.replace("displayName: use", "displayName: again")}
        - {{script: python3 -c 'import only_here', displayName: kept}}
    """)
    assert world.journal.named("kept").result == "succeeded"


def test_use_python__not_on_the_path__is_named_by_its_variable(world: World) -> None:
    world.run(f"""
        steps:
        - checkout: none
        - {{task: UsePythonVersion@0, inputs: {{versionSpec: '{VERSION}', addToPath: false}}}}
        - script: $(pythonLocation)/python -m pip --version
          displayName: named
    """)
    assert world.journal.named("named").result == "succeeded"
    assert "_tool" in world.journal.log_of("named")


def test_copy__of_an_interpreter_in_a_folder_with_blanks_and_letters__works(world: World) -> None:
    """Blanks, quotes and non-ASCII letters in the server's own folder."""
    base = world.folder / "größe 'n stuff"
    venv.create(base, with_pip=False, symlinks=True)
    made = subprocess.run([str(base / "bin" / "python"), "-c", "print(1)"], capture_output=True, check=True, timeout=60)
    assert made.stdout == b"1\n"
    world.run(
        f"""
        steps:
        - checkout: none
        - {USE}
        - {{script: pip --version, displayName: pip}}
        """,
        context={"python": base / "bin" / "python"},
    )
    assert world.journal.named("pip").result == "succeeded", world.journal.log_of("pip")
