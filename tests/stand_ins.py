"""Each fake beside what it stands for: mypy refuses this file once a fake and its Protocol part.

One function a fake. `tests/unit/test_stand_ins.py` holds that none is left out.
"""

from __future__ import annotations

from dashboard.wiring import Opened, SignIns
from services.audit.answers import LedgerBrowser
from services.catalogue.answers import Catalogue
from services.comparisons.answers import Comparisons
from services.health.answers import Health
from services.notices.answers import Notices
from services.oversight.answers import Assigning, Coverage, Emergency, Findings
from services.ports.pipelines import ReleasePipelines
from services.ports.registry import RegistryReader, RegistryWriter
from services.ports.time import Clock, Ids
from services.promotions.answers import Promotions
from services.promotions.ranking import Candidates
from services.releases.answers import Releases
from services.rollout.answers import Recovery
from services.rollout.context import WitnessGate
from services.why.answers import Why
from tests import fake_portal as fakes
from tests.outside.worker import QuickClock
from tests.simulators.basics import CountingIds, StillClock
from tests.simulators.pipelines import PipelinesSimulator
from tests.simulators.registry import RegistrySimulator
from tests.world import NoWitness


def catalogue(fake: fakes.FakeCatalogue) -> Catalogue:
    return fake


def candidates(fake: fakes.FakeCandidates) -> Candidates:
    return fake


def comparisons(fake: fakes.FakeComparisons) -> Comparisons:
    return fake


def promotions(fake: fakes.FakePromotions) -> Promotions:
    return fake


def assigning(fake: fakes.FakeAssigning) -> Assigning:
    return fake


def emergency(fake: fakes.FakeEmergency) -> Emergency:
    return fake


def findings(fake: fakes.FakeFindings) -> Findings:
    return fake


def coverage(fake: fakes.FakeCoverage) -> Coverage:
    return fake


def releases(fake: fakes.FakeReleases) -> Releases:
    return fake


def ledger(fake: fakes.FakeLedger) -> LedgerBrowser:
    return fake


def why(fake: fakes.FakeWhy) -> Why:
    return fake


def health(fake: fakes.FakeHealth) -> Health:
    return fake


def notices(fake: fakes.FakeNotices) -> Notices:
    return fake


def recovery(fake: fakes.FakeRecovery) -> Recovery:
    return fake


def sign_ins(fake: fakes.FakeSessions) -> SignIns:
    return fake


def opened(fake: fakes.FakeOpened) -> Opened:
    return fake


def registry_reader(simulator: RegistrySimulator) -> RegistryReader:
    return simulator


def registry_writer(simulator: RegistrySimulator) -> RegistryWriter:
    return simulator


def pipelines(simulator: PipelinesSimulator) -> ReleasePipelines:
    return simulator


def clock(still: StillClock) -> Clock:
    return still


def quick_clock(quick: QuickClock) -> Clock:
    return quick


def ids(counting: CountingIds) -> Ids:
    return counting


def witness(blind: NoWitness) -> WitnessGate:
    return blind
