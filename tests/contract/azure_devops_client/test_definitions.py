"""What a release consists of, read from the real local server: commit, YAML with templates, variables, connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from azure_devops_server import seed
from azure_devops_server.model.build import PipelineVariable
from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.domain.releases import RunStart
from tests.contract.azure_devops_client.conftest import Bench
from tests.contract.azure_devops_server.conftest import PROJECT, Site, open_site

RELEASE = """
parameters:
- name: requestId
  type: string
  default: none
stages:
- stage: Deploy
  jobs:
  - deployment: deploy
    environment: production
    strategy:
      runOnce:
        deploy:
          steps:
          - template: steps.yml
"""
STEPS = """
steps:
- checkout: none
- script: echo "WORD"
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("definitions")
    with open_site(folder) as server:
        made = Bench(Site(server))
        write(made, folder, "one")
        variables = {"region": PipelineVariable("west"), "key": PipelineVariable("hidden", is_secret=True)}
        seed.pipeline(server.organization, PROJECT, "release", "release.yml", variables=variables)
        yield made
        made.close()
        made.site.close()


def write(bench: Bench, folder: Path, word: str) -> str:
    """Commit the pipeline with this word in its template; the commit."""
    source = folder / "source"
    (source / "release.yml").write_text(RELEASE, encoding="utf-8")
    (source / "steps.yml").write_text(STEPS.replace("WORD", word), encoding="utf-8")
    return seed.repository(bench.site.organization, PROJECT, source, message=word)


def start(bench: Bench, commit: str | None = None) -> RunStart:
    number = bench.site.pipeline("release")
    return RunStart(
        PROJECT, number, "refs/heads/main", "req-d", {"requestId": "req-d"}, datetime.now(UTC), commit=commit
    )


def test_definition__at_the_head__has_commit_digest_variables_and_environment(bench: Bench, tmp_path: Path) -> None:
    azure: AzureDevOpsPipelines = bench.client()
    read = azure.definition(start(bench))
    assert read.commit is not None
    assert len(read.commit) == 40
    assert read.yaml_digest is not None
    assert read.variables == {"key": "(secret)", "region": "west"}
    assert read.environments == ("production",)
    assert read.unsealed == ()
    assert azure.definition(start(bench)) == read


def test_definition__template_changed_by_a_later_commit__differs_at_the_head_and_not_at_the_sealed_commit(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    azure = bench.client()
    sealed = azure.definition(start(bench))
    folder = tmp_path_factory.mktemp("later")
    (folder / "source").mkdir()
    later = write(bench, folder, "two")
    now = azure.definition(start(bench))
    assert now.commit == later != sealed.commit
    assert now.yaml_digest != sealed.yaml_digest
    assert azure.definition(start(bench, sealed.commit)) == sealed
    run = azure.start(start(bench, sealed.commit))
    assert azure.get(run.ref).source_version == sealed.commit


def test_definition__branch_that_is_not_there__names_what_is_not_sealed(bench: Bench) -> None:
    read = bench.client().definition(replace(start(bench), branch="refs/heads/nowhere"))
    assert read.commit is None
    assert any("there is no refs/heads/nowhere" in part for part in read.unsealed)


def test_find_all__two_runs_with_one_mark__are_both_found_oldest_first(bench: Bench) -> None:
    azure = bench.client()
    wanted = replace(start(bench), request_id="req-two", parameters={"requestId": "req-two"})
    runs = [azure.start(wanted).ref for _ in range(2)]
    assert [run.ref for run in azure.find_all_by_request(wanted)] == runs
