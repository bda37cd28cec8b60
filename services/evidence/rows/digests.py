"""The digest of what was compared: equal rows give equal digests, whatever file, order or spelling they came in."""

from __future__ import annotations

import hashlib

import numpy as np

from services.evidence.rows.alignment import Aligned
from services.evidence.rows.tables import canonical_texts


def inputs_digest(rows: Aligned) -> str:
    """SHA-256 over ids, labels, scores, decisions, weights, groups and further columns, in order of id."""
    digest = hashlib.sha256(f"countersign-evidence-1\n{rows.task.value}\n{'|'.join(rows.classes)}\n".encode())
    digest.update("\n".join(rows.ids.tolist()).encode())
    numeric = {
        "labels": rows.labels,
        "candidate": rows.candidate,
        "current": rows.current,
        "candidate_decided": rows.candidate_decided,
        "current_decided": rows.current_decided,
        "weights": rows.weights,
        "groups": None if rows.groups is None else rows.groups.astype(np.float64),
    }
    for name, values in numeric.items():
        digest.update(f"\n{name}:".encode())
        if values is not None:
            digest.update(np.ascontiguousarray(values + 0.0, dtype="<f8").tobytes())
    for name in sorted(rows.further):
        texts = canonical_texts(rows.further[name]).tolist()
        digest.update(f"\n{name}:".encode() + "\x1f".join("\x00" if t is None else t for t in texts).encode())
    return "sha256:" + digest.hexdigest()
