"""Makes the export kept in ``golden/``: ``python -m tests.unit.ledger.golden_export``.

Run it only when the format changes on purpose, with a new version of entries or exports; exports that auditors hold
must stay verifiable, so the old folder then stays beside the new one.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from functools import partial
from pathlib import Path
from unittest.mock import patch

from services.ledger.actions import Action
from services.ledger.export import ExportSource, export_folder, fetch_notes
from services.ledger.personal import commit
from services.ledger.signing.keys import KeyRing
from services.ledger.signing.rotation import announce
from services.ledger.tree.entry import Actor, Subject
from tests.unit.ledger.build import GRACE, START, Bench, fixed_key, make_bench

GOLDEN = Path(__file__).parent / "golden"
ADA = Actor("u-2", "Ada Lövelace 𝄞")


def make(folder: Path) -> Path:
    """An export with each kind of value that an entry can hold, a key rotation and a witness."""
    bench = make_bench(folder)
    fixed_salt = partial(commit, salt=lambda: b"\7" * 32)
    with (
        patch("services.ledger.writer.portal_version", lambda: "0.1.0"),
        patch("services.ledger.writer.commit", fixed_salt),
    ):
        _live(bench)
    bench.publish()
    keys = [fixed_key().verifier, fixed_key(seed=2).verifier]
    source = ExportSource(keys, START, fetch_notes(bench.transactions, [bench.witness]))
    export_folder(bench.transactions, folder / "export", source)
    bench.engine.dispose()
    return folder / "export"


def _live(bench: Bench) -> None:
    bench.append(3, request_id="pr-1", reason='says "yes"\n\u0001 and \\ more')
    bench.append_one(action=Action.REQUEST_OPENED, on_behalf_of=ADA, plan_digest="sha256:" + "ab" * 32)
    numbers = {"small": 1e-7, "large": 1e21, "half": 0.5, "whole": 3.0, "minus": -2, "none": None, "list": [True, []]}
    bench.append_one(after=numbers, before={"nested": {"b": 1, "a": {}}}, action=Action.EVIDENCE_SEALED)
    bench.append_one(personal={"email": "grace@navy.test", "address": "10.0.0.1"}, action=Action.SESSION_SIGNED_IN)
    bench.publish()
    ring = KeyRing(fixed_key()).rotated(fixed_key(seed=2), START + timedelta(minutes=1))
    with bench.store() as store:
        announce(store, ring, actor=GRACE, clock=bench.clock)
    bench.ring = ring
    bench.append(2, subject=Subject("model_version", "fraud/3"), action=Action.VERSION_LIVE)
    bench.clock.now += timedelta(minutes=5)
    bench.append(2, action=Action.LEDGER_HEARTBEAT)


def main() -> None:
    """Replace the kept export."""
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder))
        shutil.rmtree(GOLDEN, ignore_errors=True)
        GOLDEN.mkdir()
        for name in ("entries.jsonl", "checkpoints.txt", "steps.txt", "vkey.txt"):
            shutil.copy(made / name, GOLDEN / name)
        shutil.copytree(made / "witness", GOLDEN / "witness")


if __name__ == "__main__":
    main()
