"""A Python of the job's own: what a step installs never reaches the interpreter that it was made from."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from azure_devops_server.engine.step.errors import TaskError

if TYPE_CHECKING:
    from azure_devops_server.engine.step.state import JobState

_MAKE_SECONDS = 120
_MAKE = """
import site, sys, sysconfig, venv, zipfile
from pathlib import Path
folder = Path(sys.argv[1])
venv.EnvBuilder(symlinks=True).create(folder)
packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
shared = [place for place in dict.fromkeys(site.getsitepackages()) if Path(place).is_dir()]
lines = "".join(f"import site; site.addsitedir({place!a})\\n" for place in shared)
(packages / "zz_shared_packages.pth").write_text(lines, encoding="utf-8")
try:
    import ensurepip
    places = [Path(ensurepip.__file__).parent / "_bundled", sysconfig.get_config_var("WHEEL_PKG_DIR")]
    wheel = next(found for place in places if place for found in Path(place).glob("pip-*.whl"))
except (ImportError, StopIteration):
    sys.exit()
zipfile.ZipFile(wheel).extractall(packages)
print("pip")
"""
"""Runs in the interpreter that the copy is made from. Its packages can be imported from the copy, behind the copy's
own; pip takes them for another environment's and leaves them alone. The pip that Python brings along is unpacked, not
installed: that takes a fifth of the time."""
_PIP = "from pip._internal.cli.main import main; import sys; sys.exit(main())"


def own_python(job: JobState, base: Path, *, version: str) -> Path:
    """An environment in the job's tool folder, made on first use; its ``bin`` has python and, where Python has it, pip.

    Raises `TaskError` where the interpreter cannot make one.
    """
    folder = job.folders.tools / f"Python-{version}"
    binaries = folder / "bin"
    if not (folder / ".complete").exists():
        if "pip" in _make(base, folder):
            _add_pip(binaries)
        (folder / ".complete").touch()
    return binaries


def _make(base: Path, folder: Path) -> str:
    command = [str(base), "-I", "-c", _MAKE, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MAKE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise TaskError(
            f"No environment could be made from {base}: {said[-1] if said else 'no reason given'}"
        ) from error
    return done.stdout


def _add_pip(binaries: Path) -> None:
    for name in ("pip", "pip3"):
        starter = binaries / name
        python = shlex.quote(str(binaries / "python"))
        starter.write_text(f'#!/bin/sh\nexec {python} -c {shlex.quote(_PIP)} "$@"\n', encoding="utf-8")
        starter.chmod(0o755)


def without_the_servers_own(job: JobState, path: str) -> str:
    """A PATH on which the job's own Python stands where the environment that runs the server stood."""
    python = job.run.context.python
    served = python.parent.absolute()
    if not (served.parent / "pyvenv.cfg").is_file():
        return path
    parts = path.split(os.pathsep)
    if not any(Path(part).absolute() == served for part in parts if part):
        return path
    own = str(own_python(job, python, version="own"))
    return os.pathsep.join(own if part and Path(part).absolute() == served else part for part in parts)
