"""A hundred starts whose answers are lost: no second run, and none is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.domain.releases import ReleaseRun, RunStart
from services.errors import UnknownOutcomeError
from tests.contract.azure_devops_client.conftest import RUNS, Bench

TIMES = 100


def start_as_the_rollout_does(azure: AzureDevOpsPipelines, start: RunStart) -> ReleaseRun:
    try:
        return azure.start(start)
    except UnknownOutcomeError:
        found = azure.find_by_request(start)
        assert found is not None, "the run is lost"
        return found


@pytest.mark.parametrize("pipeline", ["quick", "nameless"])
def test_start__hundred_answers_dropped_after_creating__each_request_has_exactly_one_run(
    bench: Bench, azure: AzureDevOpsPipelines, pipeline: str
) -> None:
    times = TIMES if pipeline == "quick" else TIMES // 4
    starts = [bench.start(pipeline, f"req-{pipeline}-{number}-end") for number in range(times)]
    bench.fault(fault="drop_after", method="POST", route=RUNS, times=times)
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda start: start_as_the_rollout_does(azure, start), starts))
    assert len(bench.requests("POST", RUNS)) == times
    assert len({run.ref for run in runs}) == times
    assert [run.parameters["requestId"] for run in runs] == [start.request_id for start in starts]
    builds = bench.site.ok("GET", f"build/builds?definitions={starts[0].pipeline_id}&$top=1000")["value"]
    assert len(builds) == times


def test_start__dropped_before_it_arrived__is_not_found(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    start = bench.start("quick", "req-never")
    bench.fault(fault="drop_before", method="POST", route=RUNS)
    with pytest.raises(UnknownOutcomeError):
        azure.start(start)
    assert azure.find_by_request(start) is None
