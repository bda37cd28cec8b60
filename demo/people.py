"""The people of the demo."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoPerson:
    """A person who works with the demo's models."""

    id: str
    name: str
    email: str
    title: str
    roles: tuple[str, ...]


ANA = DemoPerson("ana.ruiz", "Ana Ruiz", "ana.ruiz@example.com", "Data scientist", ("data_scientist",))
BEN = DemoPerson("ben.okafor", "Ben Okafor", "ben.okafor@example.com", "Reviewer, model risk", ("reviewer", "operator"))
CHLOE = DemoPerson("chloe.martin", "Chloé Martin", "chloe.martin@example.com", "Reviewer, business", ("reviewer",))
DEV = DemoPerson("dev.patel", "Dev Patel", "dev.patel@example.com", "Auditor", ("auditor",))
PEOPLE = (ANA, BEN, CHLOE, DEV)
