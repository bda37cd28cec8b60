"""`python -m demo.world --tracking-uri URL --directory DIR`: build the demo's registry on a running MLflow server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo.world.adult import DataMissingError
from demo.world.client import ServerError
from demo.world.registry import build_world
from demo.world.repository import RepositoryError


def main() -> int:
    """Build what is missing."""
    parser = argparse.ArgumentParser(prog="python -m demo.world", description=__doc__)
    parser.add_argument("--tracking-uri", required=True)
    parser.add_argument("--directory", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        build_world(arguments.tracking_uri.rstrip("/"), arguments.directory, progress=_say)
    except (DataMissingError, RepositoryError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
