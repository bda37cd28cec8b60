"""Temporary folders of the tests lie in memory where the machine has a file system for that.

The databases sync every commit to the disk, in tests too: on a disk that was most of the suite's time. A file system in
memory changes no code path and no setting of the product; the sync just has nothing to wait for.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH = 2 * 2**30
"""Free bytes below which the disk is used: many times what the suite fills at its height."""


def use_memory(environment: MutableMapping[str, str], folder: Path = MEMORY) -> bool:
    """Make `folder` the temporary folder of this process and its children; False where it does not serve.

    A TMPDIR of the developer's own choice stays.
    """
    chosen = environment.get("TMPDIR", "")
    if (chosen and Path(chosen) != Path("/tmp")) or not _serves(folder):
        return False
    environment["TMPDIR"] = str(folder)
    tempfile.tempdir = None
    return True


def _serves(folder: Path) -> bool:
    """Room for the suite, and programs in it may run: the tests copy some there."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return False
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize >= ENOUGH and not system.f_flag & os.ST_NOEXEC
