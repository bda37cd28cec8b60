"""Somebody who owns the database, and in the worst case the portal's signing key too."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from sqlalchemy import insert

from services.database.tables.ledger import ledger_checkpoint, ledger_entry
from services.ledger.signing.keys import KeyRing
from services.ledger.tree.canonical import canonical_text
from services.ledger.tree.merkle import Frontier, leaf_hash
from services.ledger.tree.note import Checkpoint
from services.ledger.verify import Verification, verify_ledger
from tests.unit.ledger.build import NAME, START, Bench, fixed_key


def judge(bench: Bench, *, witnessed: bool = True) -> Verification:
    """The portal's own verification."""
    notes = {"file": bench.witness.all(f"{NAME}/1")} if witnessed else {}
    with bench.store() as store:
        return verify_ledger(store, [fixed_key().verifier], witnesses=notes)


def changed(body: str, **fields: object) -> str:
    """The body, canonical again, with other values."""
    return canonical_text({**json.loads(body), **fields})


def renumbered(bodies: Sequence[str]) -> list[str]:
    return [changed(body, seq=number) for number, body in enumerate(bodies, 1)]


def rewrite(bench: Bench, bodies: Sequence[str], *, ring: KeyRing | None = None, origin: str = f"{NAME}/1") -> None:
    """Replace the whole log by one that is perfect in itself: every hash, note and the head made anew."""
    ring = ring or bench.ring
    bench.attack("DELETE FROM ledger_entry", "DELETE FROM ledger_checkpoint")
    frontier = Frontier()
    with bench.engine.begin() as connection:
        for seq, body in enumerate(bodies, 1):
            frontier, nodes = frontier.push(leaf_hash(body.encode()))
            note = ring.sign(Checkpoint(origin, seq, frontier.root()), START).text()
            connection.execute(insert(ledger_entry), _row(seq, body, b"".join(nodes)))
            connection.execute(insert(ledger_checkpoint), {"size": seq, "note": note})
    head = "UPDATE ledger_head SET size = :size, frontier = :frontier, origin = :origin"
    bench.attack(head, size=frontier.size, frontier=frontier.to_bytes(), origin=origin)


def _row(seq: int, body: str, nodes: bytes) -> dict[str, object]:
    last = dict(re.findall(r'"(at|action|request_id)":"([^"]*)"', body))
    return {
        "seq": seq,
        "body": body,
        "nodes": nodes,
        "at": last["at"],
        "action": last["action"],
        "subject_type": "promotion_request",
        "subject_id": "pr-1",
        "actor_id": "u-1",
        "request_id": last.get("request_id"),
    }
