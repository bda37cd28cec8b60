"""The catalogue is what MLflow says, without MLflow's gaps becoming zeros, and says how old it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.catalogue.browse import CatalogueBrowser
from services.catalogue.sync import CatalogueSync
from services.domain.catalogue import SortBy, SourceHealth, TestState, VersionDetail, VersionQuery
from services.domain.lineage import Certainty, NodeKind
from services.domain.registry import ModelVersion, RegisteredModel, Run, VersionKey
from services.errors import NotFoundError, UpstreamInvalidError
from services.health.desk import HealthDesk
from tests.world import MODEL, World

SWEEP = timedelta(minutes=10)
ODD = "o d d \"q\" 'a' <b>bold *md* 🚲 100%_\\ &?#+"


class NoLinks:
    def of_version(self, version: ModelVersion, run: Run | None) -> Mapping[str, str]:
        return {"Version in MLflow": f"http://mlflow.test/{version.version}"}


def sync_of(world: World) -> CatalogueSync:
    return CatalogueSync(world.registry, world.units, clock=world.clock, sweep_every=SWEEP)


@pytest.fixture
def sync(world: World) -> CatalogueSync:
    return sync_of(world)


@pytest.fixture
def browser(world: World) -> CatalogueBrowser:
    return CatalogueBrowser(world.units, NoLinks())


def found(browser: CatalogueBrowser, **query: object) -> list[str]:
    return [str(row.key) for row in browser.search(VersionQuery(**query)).rows]  # type: ignore[arg-type]


def health(world: World) -> SourceHealth:
    return next(iter(HealthDesk(world.units).sources()))


def facts(detail: VersionDetail) -> dict[str, Certainty]:
    return {fact.name: fact.certainty for fact in detail.facts}


def test_beat__over_a_registry__fills_versions_runs_tests_and_card(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    assert sync.beat()
    row = browser.search(VersionQuery(sort=SortBy.VERSION, descending=False)).rows[0]
    assert (row.key, row.stage, row.aliases) == (VersionKey(MODEL, 1), "Production", ("champion",))
    assert (row.owner, row.dataset, row.dataset_digest) == ("ana.ruiz", "adult-train", "abc12345")
    assert (row.metric_name, row.metric_value) == ("auc", pytest.approx(0.82))
    assert (row.tests_passed, row.tests_failed, row.tests) == (1, 0, TestState.PASSED)
    detail = browser.detail(row.key)
    assert detail.card is not None
    assert detail.card.startswith("# Card")
    assert facts(detail)["Training data"] is Certainty.KNOWN
    assert [node.kind for node in detail.graph.nodes] == [NodeKind.VERSION, NodeKind.RUN, NodeKind.DATASET]


def test_version_without_a_run__is_there_with_everything_unknown_and_nothing_zero(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    key = world.registry.add_version("bare", 1, with_run=False)
    sync.beat()
    row = browser.versions("bare")[0]
    assert (row.owner, row.run_id, row.metric_value, row.tests_passed, row.tests_failed) == (None,) * 5
    assert row.tests is TestState.UNKNOWN
    detail = browser.detail(key)
    assert (detail.run, detail.card, detail.tests) == (None, None, ())
    assert set(facts(detail).values()) == {Certainty.UNKNOWN}
    assert all(fact.hint for fact in detail.facts)
    assert [n.kind for n in detail.graph.nodes if not n.is_known] == [NodeKind.RUN, NodeKind.DATASET]


def test_run_that_mlflow_no_longer_has__leaves_the_version_and_stays_unknown(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    key = world.registry.add_version("orphan", 1)
    del world.registry.logged[world.registry.kept[key].run_id]
    assert sync.beat()
    assert sync.beat()
    detail = browser.detail(key)
    assert detail.run is None
    assert detail.row.metric_value is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_metric__not_finite__is_no_headline_and_no_point(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser, value: float
) -> None:
    key = world.registry.add_version("odd", 1)
    run = world.registry.logged["run-odd-1"]
    world.registry.logged["run-odd-1"] = replace(run, metrics={})
    world.registry.log_metric("run-odd-1", "auc", value)
    sync.beat()
    assert browser.detail(key).row.metric_value is None
    assert browser.metric_over_versions("odd", "auc") == []


def test_run__read_while_it_was_running__is_read_again_until_it_has_ended(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    key = world.registry.add_version("early", 1)
    world.registry.kept[key] = replace(world.registry.kept[key], created=world.clock.now())
    whole, files = world.registry.logged["run-early-1"], dict(world.registry.files)
    world.registry.logged["run-early-1"] = replace(whole, status="RUNNING", ended=None, metrics={}, models=())
    world.registry.files = {k: v for k, v in files.items() if k[0] != "run-early-1"}
    sync.beat()
    assert browser.detail(key).row.metric_value is None
    world.registry.logged["run-early-1"], world.registry.files = whole, files
    sync.beat()
    row = browser.detail(key).row
    assert (row.metric_value, row.tests_passed) == (0.9, 1)


def test_run__changed_after_it_ended__is_read_again_in_turn(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    for version in range(1, 40):
        world.registry.add_version("many", version)
    sync.beat()
    del world.registry.logged["run-many-7"]
    for run_id in list(world.registry.logged):
        world.registry.log_metric(run_id, "auc", 0.5)
    for _ in range(10):
        world.clock.advance(301)
        sync.beat()
    values = {p.version: p.value for p in browser.metric_over_versions("many", "auc")}
    assert values == {v: 0.9 if v == 7 else 0.5 for v in range(1, 40)}


def test_alias_and_tag__changed_without_a_time_stamp__show_up_in_the_next_beat(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    sync.beat()
    world.registry.set_alias(MODEL, "champion", 3)
    world.registry.set_version_tag(VersionKey(MODEL, 2), "owner", "grace")
    world.clock.advance(20)
    sync.beat()
    assert found(browser, alias="champion") == [f"{MODEL} v3"]
    assert found(browser, owner="grace") == [f"{MODEL} v2"]


def test_version__deleted_in_mlflow__leaves_the_list_and_keeps_its_page(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    sync.beat()
    del world.registry.kept[VersionKey(MODEL, 2)]
    world.clock.advance(SWEEP.total_seconds())
    sync.beat()
    assert f"{MODEL} v2" not in found(browser)
    history = browser.detail(VersionKey(MODEL, 2)).history
    assert any("deleted" in line.what for line in history)


def test_model__deleted_in_mlflow__is_gone_at_once_and_comes_back(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    world.registry.add_version("other", 1)
    sync.beat()
    kept = world.registry.registered.pop("other")
    sync.beat()
    assert found(browser, model="other") == []
    world.registry.registered["other"] = kept
    sync.beat()
    assert found(browser, model="other") == ["other v1"]


def test_beat__while_mlflow_is_away__keeps_the_copy_and_says_since_when(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    sync.beat()
    last = world.clock.now()
    before = found(browser)
    world.registry.is_down = True
    world.clock.advance(600)
    assert not sync.beat()
    assert found(browser) == before
    seen = health(world)
    assert (seen.is_reachable, seen.last_success) == (False, last)
    assert seen.problem
    assert seen.hint
    world.registry.is_down = False
    sync.beat()
    assert health(world).is_reachable


def test_beat__that_never_worked__has_no_last_success(world: World, sync: CatalogueSync) -> None:
    world.registry.is_down = True
    sync.beat()
    assert (health(world).is_reachable, health(world).last_success) == (False, None)


def test_beat__rubbish_in_the_middle__keeps_what_was_there(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.beat()
    before = found(browser)

    def rubbish(_: Sequence[str]) -> Sequence[ModelVersion]:
        raise UpstreamInvalidError("HTML instead of JSON.", system="mlflow")

    monkeypatch.setattr(world.registry, "versions_of", rubbish)
    world.clock.advance(SWEEP.total_seconds())
    assert not sync.beat()
    assert found(browser) == before
    assert not health(world).is_reachable


def test_beat__that_fails_in_a_way_nobody_foresaw__is_told_to_the_banner_and_raised(
    world: World, sync: CatalogueSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.beat()
    last = world.clock.now()

    def broken(_: Sequence[RegisteredModel]) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(sync, "_read_models", broken)
    world.clock.advance(30)
    with pytest.raises(ValueError, match="a bug"):
        sync.beat()
    seen = health(world)
    assert (seen.is_reachable, seen.last_success) == (False, last)
    assert "a bug" not in seen.problem


def test_report_that_cannot_be_read__is_never_green_and_says_why(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    world.registry.files[(f"run-{MODEL}-2", "tests/model.xml")] = b"<html>not a report</html>"
    sync.beat()
    detail = browser.detail(VersionKey(MODEL, 2))
    assert detail.row.tests is TestState.UNKNOWN
    assert "not a test report that the portal knows" in detail.tests[0].problem


def test_search__with_any_signs__finds_exactly_the_name(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    world.registry.add_version(ODD, 1)
    sync.beat()
    for part in (ODD, "100%_\\", "<b>bold", "🚲", "\"q\" 'a'", "BOLD"):
        assert found(browser, text=part) == [f"{ODD} v1"], part
    assert found(browser, text="100_%") == []
    assert browser.detail(VersionKey(ODD, 1)).row.key.model == ODD


def test_search__filtered_sorted_and_paged__is_done_by_the_database(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    for version in range(1, 31):
        world.registry.add_version("many", version, user=f"user-{version % 3}", auc=0.5 + version / 100)
    world.registry.add_version("bare", 1, with_run=False)
    sync.beat()
    page = browser.search(VersionQuery(model="many", sort=SortBy.METRIC, page=2, page_size=10))
    assert (page.total, page.pages) == (30, 3)
    assert [row.key.version for row in page.rows] == list(range(20, 10, -1))
    assert len(found(browser, owner="user-1", page_size=200)) == 10
    assert found(browser, tests=TestState.UNKNOWN) == ["bare v1"]
    by_metric = browser.search(VersionQuery(sort=SortBy.METRIC, page_size=200))
    assert str(by_metric.rows[-1].key) == "bare v1"
    assert browser.search(VersionQuery(model="many", page=99)).rows == ()


def test_detail__of_something_else__is_not_found_with_a_hint(sync: CatalogueSync, browser: CatalogueBrowser) -> None:
    sync.beat()
    with pytest.raises(NotFoundError) as caught:
        browser.detail(VersionKey("nowhere", 1))
    assert caught.value.hint


def test_lineage__of_a_promoted_version__leads_from_data_to_environment(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    request = world.approve(world.open())
    world.run()
    sync.beat()
    graph = browser.detail(VersionKey(MODEL, 2)).graph
    kinds = [node.kind for node in graph.nodes]
    assert set(kinds) == set(NodeKind)
    ids = {node.id for node in graph.nodes}
    assert all({edge.source, edge.target} <= ids for edge in graph.edges)
    reached, last = {"dataset:0"}, 0
    while len(reached) > last:
        last = len(reached)
        reached |= {edge.target for edge in graph.edges if edge.source in reached}
    assert reached == ids
    assert f"/request?id={request.id}" in {node.link for node in graph.nodes}
    assert browser.detail(VersionKey(MODEL, 2)).row.live_in == ("production",)


def test_metric_over_versions__with_gaps__has_only_what_is_known(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    run = world.registry.logged[f"run-{MODEL}-2"]
    world.registry.logged[f"run-{MODEL}-2"] = replace(run, metrics={}, models=(replace(run.models[0], metrics=()),))
    world.registry.log_metric(run.run_id, "other", 1.0)
    sync.beat()
    assert [point.version for point in browser.metric_over_versions(MODEL, "auc")] == [1, 3]
    assert list(browser.metric_names(MODEL)) == ["auc", "other"]


def test_two_syncs__at_the_same_time__agree(world: World, browser: CatalogueBrowser) -> None:
    first, second = sync_of(world), sync_of(world)
    assert first.beat()
    assert second.beat()
    world.registry.add_version(MODEL, 4)
    assert second.beat()
    assert first.beat()
    assert len(found(browser)) == 4


def test_skipped_tests__alone__are_unknown_and_not_passed(
    world: World, sync: CatalogueSync, browser: CatalogueBrowser
) -> None:
    skipped = b'<testsuite><testcase name="a"><skipped/></testcase></testsuite>'
    world.registry.files[(f"run-{MODEL}-2", "tests/model.xml")] = skipped
    sync.beat()
    assert browser.detail(VersionKey(MODEL, 2)).row.tests is TestState.UNKNOWN
    assert found(browser, tests=TestState.UNKNOWN) == [f"{MODEL} v2"]
    assert f"{MODEL} v2" not in found(browser, tests=TestState.PASSED)
