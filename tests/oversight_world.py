"""The world of use cases with everything that people oversee each other with."""

from __future__ import annotations

from dataclasses import dataclass

from services.domain.identity.people import Actor, Person, Role
from services.health.bypassed import RegistryWatch
from services.oversight.assigning import AssigningDesk
from services.oversight.coverage import CoverageDesk
from services.oversight.emergency import EmergencyDesk
from services.oversight.findings import FindingDesk
from services.oversight.reminding import ReminderDesk
from services.rollout.journal import move_of
from tests.simulators.basics import ANA, BEN, CHLOE, DEV
from tests.world import World

EVE = Actor(Person("eve", "Eve Lund"), frozenset({Role.REVIEWER}))
OLU = Actor(Person("olu", "Olu Adeyemi"), frozenset({Role.OPERATOR}))
EVERYBODY = (ANA, BEN, CHLOE, DEV, EVE, OLU)


@dataclass
class OversightWorld(World):
    """As `World`, with assignments, emergencies, findings, coverage and the watch on the registry."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.known = EVERYBODY
        people = lambda: self.known  # noqa: E731 - the directory of this world
        self.assigning = AssigningDesk(self.units, self.desk, people, clock=self.clock, ids=self.ids)
        self.emergency = EmergencyDesk(self.units, self.desk, clock=self.clock, ids=self.ids)
        self.findings = FindingDesk(self.units, people, clock=self.clock, ids=self.ids)
        self.reminders = ReminderDesk(self.units, self.findings, people, clock=self.clock)
        self.coverage = CoverageDesk(self.units, self.rules, self.clock)
        self.watch = RegistryWatch(
            self.units, self.rules, self.registry, move_of=move_of, clock=self.clock, ids=self.ids
        )
