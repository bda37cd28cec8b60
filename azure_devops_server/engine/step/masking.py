"""Keep secrets out of logs, issues and names."""

from __future__ import annotations

import base64
import json
import threading
from urllib.parse import quote, quote_plus

MASK = "***"
_LEAST = 8
"""Letters of base64 that tell a secret inside of other data; fewer would hide plain words."""


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
    escaped = json.dumps(secret)[1:-1]
    plain = json.dumps(secret, ensure_ascii=False)[1:-1]
    return (secret, escaped, plain, quote(secret, safe=""), quote_plus(secret), coded, *_inside_base64(secret.encode()))


def _inside_base64(secret: bytes) -> list[str]:
    """The letters that a secret always leaves in base64 of longer data, such as ``user:secret``.

    Three bytes make four letters, so there are three ways, by the number of bytes before it.
    """
    found = []
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + secret).decode().rstrip("=")
        spoilt = (shift + len(secret)) % 3
        core = coded[(0, 2, 3)[shift] : len(coded) - 1 if spoilt else len(coded)]
        if len(core) >= _LEAST:
            found += [core, core.replace("+", "-").replace("/", "_")]
    return found


def _spans(text: str, secret: str) -> list[tuple[int, int]]:
    found = []
    at = text.find(secret)
    while at >= 0:
        found.append((at, at + len(secret)))
        at = text.find(secret, at + 1)
    return found
