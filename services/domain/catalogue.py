"""What pages read: rows and pages from the portal's copy of the registry.

A missing value is None or empty here and "unknown" on the page, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.domain.examined import WHOLE, Examined
from services.domain.lineage import Fact, Graph
from services.domain.model_metrics import MetricValue
from services.domain.promotions.promotion import Deployment, PromotionRequest
from services.domain.registry import ModelVersion, RegisteredModel, Run, VersionKey


class TestState(StrEnum):
    """Overall test outcome of a version."""

    __test__ = False  # the name is the domain\'s, not a pytest class

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class SortBy(StrEnum):
    """Sortable columns of the list of versions."""

    LAST_ACTIVITY = "last_activity"
    MODEL = "model"
    VERSION = "version"
    CREATED = "created"
    METRIC = "metric"
    OWNER = "owner"
    STAGE = "stage"


@dataclass(frozen=True)
class VersionQuery:
    """Which versions to show; empty fields do not filter."""

    text: str = ""
    """Part of a model name, owner, alias, tag or data set."""
    model: str = ""
    stage: str = ""
    alias: str = ""
    owner: str = ""
    live_in: str = ""
    tests: TestState | None = None
    sort: SortBy = SortBy.LAST_ACTIVITY
    descending: bool = True
    page: int = 1
    page_size: int = 25


@dataclass(frozen=True)
class VersionRow:
    """One line of the list of versions."""

    key: VersionKey
    created: datetime
    stage: str
    aliases: tuple[str, ...]
    owner: str | None
    run_id: str | None
    run_name: str | None
    dataset: str | None
    dataset_digest: str | None
    metric_name: str | None
    metric_value: float | None
    tests_passed: int | None
    tests_failed: int | None
    live_in: tuple[str, ...]
    last_activity: datetime
    description: str = ""

    @property
    def tests(self) -> TestState:
        """Outcome of all tests; skipped tests do not count."""
        if not self.tests_passed and not self.tests_failed:
            return TestState.UNKNOWN
        return TestState.FAILED if self.tests_failed else TestState.PASSED


@dataclass(frozen=True)
class VersionPage:
    """A page of versions."""

    rows: tuple[VersionRow, ...]
    total: int
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.page_size))


@dataclass(frozen=True)
class FilterValues:
    """Options of the list's filters."""

    models: tuple[str, ...]
    stages: tuple[str, ...]
    aliases: tuple[str, ...]
    owners: tuple[str, ...]
    environments: tuple[str, ...]


@dataclass(frozen=True)
class TestCase:
    """One test with its outcome; `services.domain.test_results` names the outcomes."""

    __test__ = False  # the name is the domain\'s, not a pytest class

    name: str
    outcome: str
    seconds: float | None = None
    message: str = ""
    suite: str = ""


@dataclass(frozen=True)
class TestReport:
    """Tests from one source: a JUnit artifact of the run, or a pipeline run."""

    __test__ = False  # the name is the domain\'s, not a pytest class

    title: str
    source: str
    """For people: ``run artifact tests/model.xml`` or ``pipeline run 42``."""
    link: str
    passed: int
    failed: int
    skipped: int
    cases: tuple[TestCase, ...] = ()
    problem: str = ""
    """Why the report could not be read; empty if it could."""
    not_run: int = 0
    """Tests that did not run, or whose outcome is unclear."""
    warned: int = 0
    """Failed tests that are declared to warn only."""
    flaky: tuple[str, ...] = ()
    """Names of tests that passed only on a rerun; they count as passed."""
    unlisted: int = 0
    """Number of tests that the counts include but `cases` omits."""
    contradictions: tuple[str, ...] = ()
    """Contradictions within the report, or between it and other records, as sentences."""
    exit_code: int | None = None
    """Exit code of the step that ran the tests; None if it was not recorded."""
    examined: Examined = WHOLE


@dataclass(frozen=True)
class HistoryLine:
    """One event of a version, from the registry or the ledger."""

    at: datetime
    what: str
    who: str = ""
    source: str = ""


@dataclass(frozen=True)
class VersionDetail:
    """Everything that the page of one version shows."""

    row: VersionRow
    version: ModelVersion
    model: RegisteredModel
    run: Run | None
    facts: tuple[Fact, ...]
    """Owner, data, commit, algorithm, … each known, unknown or contradicted with its sources."""
    graph: Graph
    tests: tuple[TestReport, ...]
    card: str | None
    """Model card as Markdown text; None when there is none."""
    deployments: tuple[Deployment, ...]
    requests: tuple[PromotionRequest, ...]
    history: tuple[HistoryLine, ...]
    links: Mapping[str, str] = field(default_factory=dict)
    """Label to address: the version, run and model in MLflow."""
    metrics: Mapping[str, MetricValue] = field(default_factory=dict)
    """The version's own metrics, each with its source, or unknown and why."""


@dataclass(frozen=True)
class MetricPoint:
    """A metric of one version."""

    version: int
    value: float
    created: datetime


@dataclass(frozen=True)
class SourceHealth:
    """Freshness of the displayed data, for one outside system."""

    system: str
    is_reachable: bool
    last_success: datetime | None
    problem: str = ""
    hint: str = ""
