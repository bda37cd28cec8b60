"""Keep secrets out of logs, issues and names."""

from __future__ import annotations

import base64
import json
import threading
from urllib.parse import quote

MASK = "***"


class Masker:
    """Replaces every known secret in a text; thread-safe, one for a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: frozenset[str] = frozenset()

    def add(self, secret: str) -> None:
        """Learn a secret, each of its lines, and how it looks in JSON, URLs and base64."""
        lines = [secret, *secret.splitlines()]
        plain = {text.strip("\r\n") for text in lines if text.strip()}
        with self._lock:
            self._secrets |= {form for text in plain for form in _forms(text)}

    def mask(self, text: str) -> str:
        """The text with ``***`` for every secret, also where secrets overlap."""
        spans = sorted(span for secret in self._secrets for span in _spans(text, secret))
        parts: list[str] = []
        done = 0
        for start, end in spans:
            if start > done or (start == done and not parts):
                parts += [text[done:start], MASK]
            elif start == done and end > done:
                parts.append(MASK)
            done = max(done, end)
        return "".join([*parts, text[done:]])


def _forms(secret: str) -> tuple[str, ...]:
    coded = base64.b64encode(secret.encode()).decode()
    return (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), coded)


def _spans(text: str, secret: str) -> list[tuple[int, int]]:
    found = []
    at = text.find(secret)
    while at >= 0:
        found.append((at, at + len(secret)))
        at = text.find(secret, at + 1)
    return found
