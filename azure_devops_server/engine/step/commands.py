"""Read logging commands: ``##vso[area.event name=value;…]text``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PREFIX = "##vso["
_COMMAND = re.compile(r"##vso\[(?P<name>[^\]\s]+)(?:\s+(?P<properties>[^\]]*))?\](?P<text>.*)", re.DOTALL)
_CODES = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"))
_PERCENT = "%AZP25"


@dataclass(frozen=True)
class LoggingCommand:
    """A command with its decoded properties (names in lower case) and text."""

    name: str
    properties: Mapping[str, str]
    text: str

    def get(self, name: str, default: str = "") -> str:
        """A property by name, ignoring case."""
        return self.properties.get(name.casefold(), default)

    def flag(self, name: str) -> bool:
        """True for the text ``true``."""
        return self.get(name).casefold() == "true"


def is_command(line: str) -> bool:
    """True if a line holds a logging command, well-formed or not."""
    return _PREFIX in line


def parse_command(line: str) -> LoggingCommand | None:
    """The command of a line (text before it is dropped, as by the real agent); None if it is malformed."""
    match = _COMMAND.match(line[line.index(_PREFIX) :])
    if match is None or "." not in match.group("name"):
        return None
    properties: dict[str, str] = {}
    for part in (match.group("properties") or "").split(";"):
        name, separator, value = part.partition("=")
        if separator and name.strip():
            properties[name.strip().casefold()] = decode(value)
    return LoggingCommand(match.group("name").casefold(), properties, decode(match.group("text")))


def decode(text: str) -> str:
    """Undo the percent-encoding of logging commands; ``%AZP25`` last, so that its result is not decoded again."""
    for code, character in _CODES:
        text = re.sub(re.escape(code), lambda _, put=character: put, text, flags=re.IGNORECASE)  # type: ignore[misc]
    return text.replace(_PERCENT, "%")
