"""A ledger of one's own, an export of it that is kept for many edits, and the script run inside this process."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from services.ledger.evidence_pack import evidence_pack
from tests.unit.ledger.build import SCRIPT, Bench, fixed_key, make_bench

COUNT = 14
WITNESSED = 9
Judge = Callable[..., tuple[int, str]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path)
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = make_bench(tmp_path_factory.mktemp("kept"))
    bench.append(WITNESSED, reason="Ada Lövelace e\u0301 𝄞", request_id="pr-1", personal={"email": "a@b.test"})
    bench.publish()
    bench.append(COUNT - WITNESSED, before={"nested": {"b": 1, "a": {}}}, request_id="pr-1")
    bench.export()
    with bench.store() as store:
        pack = evidence_pack(store, "pr-1", (fixed_key().verifier,))
    (bench.folder / "pack.json").write_text(json.dumps(pack.as_json()))
    yield bench
    bench.engine.dispose()


@pytest.fixture
def export(kept: Bench, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept.folder / "export", tmp_path / "export"))


@pytest.fixture
def judge(kept: Bench) -> Judge:
    """Exit code and output of the script with the right key, the witness's own copy and the right time."""
    now, copy = kept.clock.peek().isoformat(), str(kept.folder / "witness.txt")

    def run(target: Path, *more: str) -> tuple[int, str]:
        given = [str(target), "--vkey", str(fixed_key().verifier), "--now", now, "--witness", copy, *more]
        return _run(given)

    return run


@cache
def _code() -> Any:
    return compile(SCRIPT.read_text(), str(SCRIPT), "exec")


def _run(arguments: list[str]) -> tuple[int, str]:
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    quiet = redirect_stderr(io.StringIO())
    given = patch.object(sys, "argv", ["verify", *arguments])
    with redirect_stdout(out), quiet, given, pytest.raises(SystemExit) as left:
        exec(_code(), {"__name__": "__main__"})
    return left.value.code or 0, out.buffer.getvalue().decode()  # type: ignore[attr-defined]  # a BytesIO underneath
