"""Listings are followed to their end: the SDK drops the token."""

from __future__ import annotations

import pytest

from services.adapters.azure_devops import runs
from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.errors import UpstreamInvalidError
from tests.contract.azure_devops_client.conftest import Bench
from tests.contract.azure_devops_client.stub import Reply, stubbed


def test_find__run_on_the_last_of_many_pages__is_found(
    bench: Bench, azure: AzureDevOpsPipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PAGE", 3)
    for number in range(10):
        azure.start(bench.start("nameless", f"req-page-{number}"))
    start = bench.start("nameless", "req-page-last")
    run = azure.start(start)
    bench.forget()
    found = azure.find_by_request(start)
    assert found is not None
    assert found.ref == run.ref
    assert len(bench.requests("GET", "/_apis/build/builds$")) >= 4


def test_listing__whose_token_repeats__is_an_error_and_no_short_list(bench: Bench) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply({"value": []}, headers={"x-ms-continuationtoken": "again"})
        azure = bench.client(url=stub.url, release_url=stub.url)
        with pytest.raises(UpstreamInvalidError) as caught:
            azure.deployments("p", "production")
    assert caught.value.code == "listing_endless"


def test_listing__that_never_ends__is_an_error_and_no_short_list(bench: Bench) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply({"value": []}, headers={"x-ms-continuationtoken": str(len(stub.seen))})
        azure = bench.client(url=stub.url, release_url=stub.url, max_pages=5)
        with pytest.raises(UpstreamInvalidError):
            azure.deployments("p", "production")
        assert len([path for method, path in stub.seen if method == "GET"]) == 5
