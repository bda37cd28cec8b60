"""The MLflow adapter against a real `mlflow server` (SQLite, one worker), names from the wild included."""

import hashlib
import math
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.adapters.mlflow import MlflowConfig, MlflowRegistry, build_registry
from services.adapters.mlflow import registered as registered_module
from services.adapters.mlflow import runs as runs_module
from services.domain.model_digest import digest_of_files
from services.domain.registry import Artifact, Dataset, VersionKey
from services.errors import InvalidInputError, NotFoundError, UpstreamRefusedError
from services.ports.registry import RegistryReader, RegistryWriter
from tests.mlflow_seed import Seed
from tests.mlflow_server import MlflowServer, mlflow_server

pytestmark = pytest.mark.integration

NAMES = (
    "plain",
    "with space",
    "it's",
    'say "hi"',
    "both ' and \"",
    "' OR name != '",
    "x') --",
    "back\\slash",
    "back\\u0027quote",
    "new\nline\ttab",
    "emoji 🚀 ü 中",
    "<img src=x onerror=alert(1)>",
    "**bold** [x](javascript)",
    "per%cent_under%41",
    "`tick` $x$ #h ?q=1&r=2 +",
    "m-foo",
    "n" * 250,
)
FILES = {
    "MLmodel": b"flavors: {}\n",
    "data/model.bin": bytes(range(256)) * 300,
    "data/ü 🚀 'q' \"r\".txt": b"",
    "z": b"z",
}
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as running:
        yield running


@pytest.fixture(scope="module")
def seed(server: MlflowServer) -> Seed:
    return Seed(server)


@pytest.fixture(scope="module")
def registry(server: MlflowServer) -> Iterator[MlflowRegistry]:
    found = build_registry(MlflowConfig(server.url, call_seconds=30))
    yield found
    found.close()


@pytest.fixture(scope="module")
def wild(seed: Seed) -> dict[str, int]:
    """One model for each name, the n-th with n % 3 versions."""
    versions = {name: index % 3 for index, name in enumerate(NAMES)}
    for name, count in versions.items():
        seed.model(name, description=f"about {name}", tags=[{"key": "team", "value": name}])
        for _ in range(count):
            seed.version(name, "s3://nowhere/model", tags={"note": name})
    return versions


def digest_of(files: dict[str, bytes]) -> str:
    return digest_of_files({path: hashlib.sha256(data).hexdigest() for path, data in files.items()})


def test_adapter__is_both_ports(registry: MlflowRegistry) -> None:
    reader: RegistryReader = registry
    writer: RegistryWriter = registry
    assert reader is writer


def test_ping__real_server__tells_address_and_version(server: MlflowServer, registry: MlflowRegistry) -> None:
    info = registry.ping()
    assert info.url == server.url
    assert info.version == "3.17.2"


def test_models__names_from_the_wild__all_come_across_pages_unchanged(
    registry: MlflowRegistry, wild: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registered_module, "MODELS_A_PAGE", 3)
    pages = list(registry.models())
    found = {model.name: model for page in pages for model in page}
    assert len(pages) > len(wild) // 3
    assert set(wild) <= set(found)
    assert all(found[name].description == f"about {name}" for name in wild)
    assert all(found[name].tags == {"team": name} for name in wild)


def test_versions_of__names_from_the_wild__each_gets_exactly_its_own(
    registry: MlflowRegistry, wild: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sorted(VersionKey(name, n) for name, count in wild.items() for n in range(1, count + 1))
    assert [v.key for v in registry.versions_of(list(wild))] == expected
    monkeypatch.setattr(registered_module, "VERSIONS_A_PAGE", 4)
    assert [v.key for v in registry.versions_of(list(wild))] == expected


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_one_model__name_from_the_wild__every_call_hits_it_and_no_other(
    registry: MlflowRegistry, wild: dict[str, int], name: str
) -> None:
    assert registry.model(name).name == name
    assert [v.key for v in registry.versions_of([name])] == [VersionKey(name, n + 1) for n in range(wild[name])]
    for number in range(1, wild[name] + 1):
        version = registry.version(VersionKey(name, number))
        assert (version.model, version.tags) == (name, {"note": name})
    assert registry.holders(name, stage="Production", alias="champion").in_stage == ()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_pattern__name_from_the_wild__finds_it_too(registry: MlflowRegistry, wild: dict[str, int], name: str) -> None:
    """The fallback for servers that read the list after IN otherwise."""
    found = registry._registered._matching(registered_module.filters.like(name), {name}, 1000)
    assert len(found) == wild[name]


@pytest.mark.parametrize("name", ["nobody", "it''s", "' OR '1'='1", "\\", '"', "\x00", "\ud800", "x" * 9000])
def test_unknown_name__any_form__is_not_found_and_has_no_versions(
    registry: MlflowRegistry, wild: dict[str, int], name: str
) -> None:
    with pytest.raises(NotFoundError):
        registry.model(name)
    with pytest.raises(NotFoundError):
        registry.version(VersionKey(name, 1))
    with pytest.raises(NotFoundError):
        registry.holders(name, stage=None, alias="champion")
    assert registry.versions_of([name]) == []


@pytest.mark.parametrize("number", [99, 2**31 - 1, 2**31, 10**30, 0, -1])
def test_version__number_does_not_exist__is_not_found(
    registry: MlflowRegistry, wild: dict[str, int], number: int
) -> None:
    with pytest.raises(NotFoundError):
        registry.version(VersionKey("it's", number))


def test_writes__stage_alias_and_tag_on_a_wild_name__can_be_read_back(seed: Seed, registry: MlflowRegistry) -> None:
    name = "writes: <b>'q' \"r\" 🚀</b>".replace(":", "").replace("/", "")
    seed.model(name)
    keys = [VersionKey(name, seed.version(name, "s3://nowhere/m")) for _ in range(3)]
    for key in keys[:2]:
        registry.move_stage(key, "Production")
    registry.set_alias(name, "champion", 2)
    registry.set_alias(name, "Champion", 1)
    registry.set_alias(name, "champion", 3)
    registry.set_version_tag(keys[2], "countersign.test.smoke", "5 passed 'ok' 🚀 ü")
    holders = registry.holders(name, stage="production", alias="champion")
    assert (holders.in_stage, holders.alias_version) == ((1, 2), 3)
    assert registry.version(keys[2]).aliases == ("champion",)
    assert registry.version(keys[2]).tags == {"countersign.test.smoke": "5 passed 'ok' 🚀 ü"}
    assert registry.model(name).aliases == {"champion": 3, "Champion": 1}
    registry.delete_alias(name, "champion")
    registry.delete_alias(name, "champion")
    assert registry.model(name).aliases == {"Champion": 1}
    listed = {m.name: m.aliases for page in registry.models() for m in page}
    assert listed[name] == {"Champion": 1}
    assert all(v.aliases == () for v in registry.versions_of([name]))


def test_writes__mlflow_says_no__is_typed_and_nothing_changes(registry: MlflowRegistry, wild: dict[str, int]) -> None:
    key, gone = VersionKey("with space", 1), VersionKey("with space", 77)
    for write in (
        lambda: registry.move_stage(gone, "Production"),
        lambda: registry.set_alias("with space", "champion", 77),
        lambda: registry.set_alias("nobody", "champion", 1),
        lambda: registry.delete_alias("nobody", "champion"),
        lambda: registry.set_version_tag(gone, "a", "b"),
    ):
        with pytest.raises(NotFoundError):
            write()
    for write in (
        lambda: registry.move_stage(key, "Live"),
        lambda: registry.set_alias("with space", "no spaces", 1),
        lambda: registry.set_alias("with space", "latest", 1),
        lambda: registry.set_version_tag(key, "a=b", "c"),
    ):
        with pytest.raises(UpstreamRefusedError, match="INVALID_PARAMETER_VALUE"):
            write()
    assert registry.version(key).stage == "None"
    assert registry.model("with space").aliases == {}


def test_recently_updated__stage_moved__is_found_and_an_alias_moves_no_time_stamp(
    seed: Seed, registry: MlflowRegistry
) -> None:
    seed.model("ticking")
    keys = [VersionKey("ticking", seed.version("ticking", "s3://nowhere/m")) for _ in range(2)]
    registry.move_stage(keys[0], "Staging")
    moved = registry.version(keys[0]).updated
    registry.set_alias("ticking", "champion", 2)
    found = {v.key: v for v in registry.recently_updated(moved)}
    assert found[keys[0]].stage == "Staging"
    assert keys[1] not in found
    assert registry.recently_updated(datetime.now(UTC) + MINUTE) == []


def test_recently_updated__small_pages__walk_ends_at_the_mark(
    registry: MlflowRegistry, wild: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = registry.recently_updated(datetime(2000, 1, 1, tzinfo=UTC))
    assert {v.key for v in everything} >= {VersionKey(n, 1) for n, count in wild.items() if count}
    monkeypatch.setattr(registered_module, "CHANGES_A_PAGE", 2)
    assert [v.key for v in registry.recently_updated(everything[4].updated)][:5] == [v.key for v in everything[:5]]


def test_runs__deleted_run_and_deleted_experiment__are_found_and_the_unknown_is_absent(
    server: MlflowServer, seed: Seed, registry: MlflowRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_module, "EXPERIMENTS_FRESH_FOR", 0.0)
    kept, dropped = seed.experiment("kept ' \" 🚀"), seed.experiment("dropped")
    runs = [seed.run(kept), seed.run(kept), seed.run(dropped)]
    server.api("POST", "runs/delete", {"run_id": runs[1].run_id})
    server.api("POST", "experiments/delete", {"experiment_id": dropped})
    ids = [run.run_id for run in runs]
    many = registry.runs([*ids, "0" * 32, "it's odd"])
    assert {run_id: run.deleted for run_id, run in many.items()} == {ids[0]: False, ids[1]: True, ids[2]: True}
    assert registry.runs(ids[1:2]) == {ids[1]: many[ids[1]]}
    assert registry.runs(["0" * 32]) == {}


def test_tagged_runs__of_these_experiments__are_found_whatever_the_value_and_no_others(
    server: MlflowServer, seed: Seed, registry: MlflowRegistry
) -> None:
    here, elsewhere = seed.experiment("candidates here"), seed.experiment("candidates elsewhere")
    yes, no = seed.run(here, tags={"candidate": "true"}), seed.run(here, tags={"candidate": "false"})
    gone = seed.run(here, tags={"candidate": "true"})
    seed.run(here, tags={"other": "true"})
    seed.run(elsewhere, tags={"candidate": "true"})
    server.api("POST", "runs/delete", {"run_id": gone.run_id})
    assert {run.run_id for run in registry.tagged_runs([here], "candidate")} == {yes.run_id, no.run_id}
    assert registry.tagged_runs([], "candidate") == []


def test_runs__experiment_newer_than_the_list__run_is_found_all_the_same(seed: Seed, registry: MlflowRegistry) -> None:
    registry.runs(["1", "2", "3"])
    run = seed.run(seed.experiment("brand new"))
    assert list(registry.runs([run.run_id, "1", "2"])) == [run.run_id]


def test_run__everything_logged__comes_back(seed: Seed, registry: MlflowRegistry) -> None:
    metrics: dict[str, float | str] = {"nan": "NaN", "inf": "Infinity", "low": "-Infinity", "zero": 0.0, "acc": 0.25}
    tags = {"mlflow.user": "ann", "mlflow.source.git.commit": "abc123", "note": "<b>\n'\" 🚀"}
    run = seed.run(seed.experiment("complete"), metrics=metrics, params={"C": "0.1", "a b/c": "'\" 🚀"}, tags=tags)
    seed.metrics(run.run_id, {"acc": 0.75})
    seed.dataset(run.run_id, "adult ' \"", "d1gest", context="training", rows=12)
    seed.dataset(run.run_id, "adult ' \"", "other", context="evaluation", rows=3)
    for found in (registry.runs([run.run_id]), registry.runs([run.run_id, "x", "y"])):
        got = found[run.run_id]
        assert math.isnan(got.metrics["nan"])
        rest = {k: v for k, v in got.metrics.items() if k != "nan"}
        assert rest == {"inf": math.inf, "low": -math.inf, "zero": 0.0, "acc": 0.75}
        assert got.params == {"C": "0.1", "a b/c": "'\" 🚀"}
        assert (got.user, got.git_commit, got.tags["note"]) == ("ann", "abc123", "<b>\n'\" 🚀")
        assert (got.name, got.started) == ("seeded", datetime.fromtimestamp(1_700_000_000, UTC))
        assert sorted(got.datasets, key=lambda d: d.digest) == [
            Dataset("adult ' \"", "d1gest", "training", "{}", "local", 12),
            Dataset("adult ' \"", "other", "evaluation", "{}", "local", 3),
        ]


def test_artifacts__of_a_run__are_listed_level_by_level_and_read(seed: Seed, registry: MlflowRegistry) -> None:
    run = seed.run(seed.experiment("artifacts"), files={f"model/{path}": data for path, data in FILES.items()})
    assert registry.artifacts(run.run_id) == [Artifact("model", "folder")]
    assert registry.artifacts(run.run_id, "model/") == [
        Artifact("model/MLmodel", "file", 12),
        Artifact("model/data", "folder"),
        Artifact("model/z", "file", 1),
    ]
    assert registry.artifacts(run.run_id, "no such folder") == []
    for path, data in FILES.items():
        assert registry.read_artifact(run.run_id, f"model/{path}", limit=100_000) == data
    for missing in ("model/nothing", "model", "model/z/below"):
        with pytest.raises(NotFoundError):
            registry.read_artifact(run.run_id, missing, limit=10)
    with pytest.raises(InvalidInputError, match="11 bytes"):
        registry.read_artifact(run.run_id, "model/MLmodel", limit=11)
    with pytest.raises(NotFoundError):
        registry.artifacts("0" * 32)
    with pytest.raises(NotFoundError):
        registry.read_artifact("0" * 32, "model/MLmodel", limit=10)


@pytest.mark.parametrize("form", ["mlflow-artifacts", "runs"])
def test_digest__model_below_a_run__is_that_of_its_files_and_notices_a_changed_byte(
    seed: Seed, registry: MlflowRegistry, form: str
) -> None:
    files = {f"model/{path}": data for path, data in FILES.items()} | {"model2/MLmodel": b"not of this model"}
    run = seed.run(seed.experiment(f"digest {form}"), files=files)
    name = f"digest {form} 'q' 🚀"
    seed.model(name)
    source = f"runs:/{run.run_id}/model" if form == "runs" else f"mlflow-artifacts:/{run.root}/model"
    key = VersionKey(name, seed.version(name, source, run_id=run.run_id))
    before = registry.artifact_digest(key)
    assert before == digest_of(FILES)
    assert registry.artifact_digest(key) == before
    for path, data in FILES.items():
        assert registry.read_model_file(key, path, limit=100_000) == data
    with pytest.raises(NotFoundError):
        registry.read_model_file(key, "nothing", limit=10)
    with pytest.raises(InvalidInputError):
        registry.read_model_file(key, "MLmodel", limit=3)
    seed.server.upload(f"{run.root}/model/z", b"y")
    assert registry.artifact_digest(key) == digest_of(FILES | {"z": b"y"})
    seed.server.upload(f"{run.root}/model/added.py", b"import os")
    assert registry.artifact_digest(key) == digest_of(FILES | {"z": b"y", "added.py": b"import os"})


def test_digest__copy_of_a_version__is_that_of_the_original(seed: Seed, registry: MlflowRegistry) -> None:
    run = seed.run(seed.experiment("copies"), files={f"model/{path}": data for path, data in FILES.items()})
    for name in ("m-original", "copy"):
        seed.model(name)
    number = seed.version("m-original", f"mlflow-artifacts:/{run.root}/model", run_id=run.run_id)
    key = VersionKey("copy", seed.version("copy", f"models:/m-original/{number}", run_id=run.run_id))
    assert registry.artifact_digest(key) == digest_of(FILES)
    assert registry.read_model_file(key, "MLmodel", limit=100) == FILES["MLmodel"]


def test_digest__files_that_cannot_be_found__is_not_found(seed: Seed, registry: MlflowRegistry) -> None:
    run = seed.run(seed.experiment("gone"))
    seed.model("gone")
    sources = ("s3://nowhere/model", f"mlflow-artifacts:/{run.root}/model")
    for source, run_id in zip(sources, ("", run.run_id), strict=True):
        key = VersionKey("gone", seed.version("gone", source, run_id=run_id))
        with pytest.raises(NotFoundError):
            registry.artifact_digest(key)


def test_digest__file_name_that_mlflow_reads_as_another__is_refused(seed: Seed, registry: MlflowRegistry) -> None:
    """`a%20b` would be hashed as `a b`, and a change in it go unseen."""
    run = seed.run(seed.experiment("percent"), files={"model/a b": b"harmless"})
    (seed.server.artifacts / run.root / "model" / "a%20b").write_bytes(b"harmful")
    seed.model("percent")
    key = VersionKey("percent", seed.version("percent", f"mlflow-artifacts:/{run.root}/model", run_id=run.run_id))
    with pytest.raises(InvalidInputError, match="a%20b"):
        registry.artifact_digest(key)


def test_logged_model__logged_with_mlflows_own_client__files_digest_and_metrics_are_right(
    server: MlflowServer, seed: Seed, registry: MlflowRegistry
) -> None:
    name = "logged 'q' \"r\" 🚀 <b>"
    run_id = seed.log_with_client(name, "with client")
    key = VersionKey(name, 1)
    version = registry.version(key)
    model_id = version.logged_model_id
    assert model_id is not None
    assert version.run_id == run_id
    bound = {"model_id": model_id, "dataset_name": "held out", "dataset_digest": "d1gest"}
    seed.metrics(run_id, {"accuracy": 0.875, "broken": "NaN", "zero": 0.0}, **bound)
    models = registry.runs([run_id])[run_id].models
    assert models is not None
    assert [(model.model_id, model.versions) for model in models] == [(model_id, (f"{name}/1",))]
    assert [
        (m.name, m.value, m.dataset_name, m.dataset_digest) for m in sorted(models[0].metrics, key=lambda m: m.name)
    ] == [
        ("accuracy", 0.875, "held out", "d1gest"),
        ("broken", None, "held out", "d1gest"),
        ("zero", 0.0, "held out", "d1gest"),
    ]
    assert b"sklearn" in registry.read_model_file(key, "MLmodel", limit=100_000)
    assert b"scikit-learn" in registry.read_model_file(key, "requirements.txt", limit=100_000)
    with pytest.raises(NotFoundError):
        registry.read_model_file(key, "nothing.txt", limit=10)
    assert registry.artifact_digest(key) == digest_on_disk(server, model_id)
    seed.model("copy of logged")
    copy = seed.version("copy of logged", f"models:/{name}/1", run_id=run_id)
    assert registry.artifact_digest(VersionKey("copy of logged", copy)) == digest_on_disk(server, model_id)


def digest_on_disk(server: MlflowServer, model_id: str) -> str:
    root: Path = next(server.artifacts.glob(f"*/models/{model_id}/artifacts"))
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) > 3
    return digest_of({path.relative_to(root).as_posix(): path.read_bytes() for path in files})


def test_host__not_allowed_by_the_server__hint_says_how_to_allow_it(
    server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(server.url.rpartition(":")[2])
    address = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: address)
    registry = build_registry(MlflowConfig(f"http://mlflow.example.test:{port}", call_seconds=30))
    with pytest.raises(UpstreamRefusedError) as caught:
        registry.ping()
    registry.close()
    assert "--allowed-hosts" in caught.value.hint


def test_address__not_the_root_of_the_server__is_said_to_be_wrong(server: MlflowServer) -> None:
    registry = build_registry(MlflowConfig(f"{server.url}/nowhere", call_seconds=30))
    with pytest.raises(Exception, match="no registry at this address") as caught:
        registry.ping()
    registry.close()
    assert "COUNTERSIGN_MLFLOW_URL" in caught.value.hint  # type: ignore[attr-defined]
