"""Streamlit's options for this portal, from the file that ships with it.

Streamlit looks for `.streamlit/config.toml` beside the program that was started and in the current folder. An installed
`countersign serve` has it in neither, and Streamlit's defaults report usage to an outside host.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / ".streamlit" / "config.toml"


def server_options(*, host: str, port: int) -> dict[str, Any]:
    """All options by their dotted names, as `App.run` takes them."""
    shipped = tomllib.loads(FILE.read_text("utf-8"))
    return {**dict(_dotted(shipped)), "server.address": host, "server.port": port}


def _dotted(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
