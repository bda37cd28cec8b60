"""What a folder records of the demo built in it. No heavy imports: the supervisor reads it at each start."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

MARKER, BEGUN = "world.json", "world.begun"
WORLD_VERSION = 2
PARTS = ("mlflow", "training-code", "predictions", "traffic.jsonl")


@dataclass(frozen=True)
class World:
    """What was built: version to run id, and version to commit."""

    version: int
    runs: dict[int, str]
    commits: dict[int, str]


def read_world(directory: Path) -> World | None:
    """The demo as built, or None if it was never finished (or built by another release)."""
    try:
        kept = json.loads((directory / MARKER).read_text())
        if kept["version"] != WORLD_VERSION:
            return None
        by_number = {name: {int(k): str(v) for k, v in kept[name].items()} for name in ("runs", "commits")}
        return World(WORLD_VERSION, **by_number)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep_world(directory: Path, world: World) -> None:
    """Mark the demo as finished, atomically."""
    part = directory / f"{MARKER}.part"
    part.write_text(json.dumps(asdict(world)))
    part.replace(directory / MARKER)
    (directory / BEGUN).unlink(missing_ok=True)


def discard_half_built(directory: Path) -> bool:
    """Before the servers start: remove a demo that was interrupted or lost its database.

    True if there was something to remove; the caller removes what the portal and others stored about it.
    """
    if read_world(directory) is not None and (directory / "mlflow" / "mlflow.db").exists():
        return False
    old = [directory / name for name in (*PARTS, MARKER, BEGUN) if (directory / name).exists()]
    for path in old:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return bool(old)
