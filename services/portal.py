"""The interface that pages, API and command line use: one object, one member per use case.

`bootstrap.open_portal` builds it. The members are Protocols, so that pages can be tested against fakes.
Every command takes the actor and checks their permissions; hiding a button on a page is never the check.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.audit.answers import LedgerBrowser
from services.catalogue.answers import Catalogue
from services.comparisons.answers import Comparisons
from services.health.answers import Health
from services.notices.answers import Notices
from services.oversight.answers import Assigning, Coverage, Emergency, Findings
from services.promotions.answers import Promotions
from services.promotions.ranking import Candidates
from services.releases.answers import Releases
from services.rollout.answers import Recovery
from services.why.answers import Why


@dataclass(frozen=True)
class Portal:
    """All use cases."""

    catalogue: Catalogue
    comparisons: Comparisons
    candidates: Candidates
    promotions: Promotions
    releases: Releases
    recovery: Recovery
    ledger: LedgerBrowser
    why: Why
    health: Health
    assigning: Assigning
    emergency: Emergency
    findings: Findings
    coverage: Coverage
    notices: Notices
