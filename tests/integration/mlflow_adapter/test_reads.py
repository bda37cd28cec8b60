# ruff: noqa: SIM117 - what must raise stands apart from its set-up
"""Paging, fallbacks and the honest handling of what MLflow leaves out or gets wrong."""

import logging
import math
from datetime import UTC, datetime

import pytest

from services.adapters.mlflow import MlflowRegistry
from services.adapters.mlflow.registered import MODELS_A_PAGE
from services.domain.registry import Artifact, Dataset, VersionKey
from services.errors import InvalidInputError, NotFoundError, UpstreamInvalidError, UpstreamUnavailableError
from tests.integration.mlflow_adapter.servers import Answer, FakeMlflow, Seen, registry_at

MODELS = "GET registered-models/search"
VERSIONS = "GET model-versions/search"
RUN_SEARCH = "POST runs/search"
EXPERIMENTS = "POST experiments/search"


def model(name: str, **more: object) -> dict:
    return {"name": name, "creation_timestamp": 1, "last_updated_timestamp": 2, **more}


def version(name: str, number: int, updated: int = 2, **more: object) -> dict:
    return model(name, version=str(number), last_updated_timestamp=updated) | more


def run(run_id: str, **data: object) -> dict:
    return {"info": {"run_id": run_id, "experiment_id": "1"}, "data": data}


def file(data: bytes) -> Answer:
    return Answer(200, data, {"Content-Disposition": "attachment; filename=x"})


def models_page(*names: str, token: str = "") -> Answer:
    page = {"registered_models": [model(n) for n in names]} if names else {}
    return Answer(200, page | ({"next_page_token": token} if token else {}))


def versions_page(*items: dict, token: str = "") -> Answer:
    page = {"model_versions": list(items)} if items else {}
    return Answer(200, page | ({"next_page_token": token} if token else {}))


def test_models__page_is_empty_but_has_a_successor__walk_goes_on(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(MODELS, models_page(token="t1"), models_page("a", token="t2"), models_page("b"))
    assert [[m.name for m in page] for page in registry.models()] == [["a"], ["b"]]
    assert [seen.query.get("page_token") for seen in fake.seen] == [None, ["t1"], ["t2"]]
    assert fake.seen[0].query["max_results"] == [str(MODELS_A_PAGE)]


def test_models__model_moves_between_pages__comes_once(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(MODELS, models_page("a", "b", token="t"), models_page("b", "c"))
    assert [m.name for page in registry.models() for m in page] == ["a", "b", "c"]


def test_models__token_never_changes__is_rubbish_not_endless(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(MODELS, models_page("a", token="t"))
    with pytest.raises(UpstreamInvalidError):
        list(registry.models())


def test_models__answer_is_about_something_else__is_not_an_empty_registry(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    fake.on(MODELS, Answer(200, {"error": "maintenance"}))
    with pytest.raises(UpstreamInvalidError):
        list(registry.models())


def test_models__breaks_off_midway__raises_instead_of_ending_early(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(MODELS, models_page("a", token="t"), Answer(503, b""))
    pages = registry.models()
    assert next(pages)[0].name == "a"
    with pytest.raises(UpstreamUnavailableError):
        next(pages)


def test_models__name_that_no_database_holds__is_left_out_with_a_word_in_the_log(
    fake: FakeMlflow, registry: MlflowRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    fake.on(MODELS, models_page("a\x00b", "c"))
    with caplog.at_level(logging.WARNING):
        assert [m.name for page in registry.models() for m in page] == ["c"]
    assert "'a\\x00b'" in caplog.text


def test_model__nul_in_tags_and_description__becomes_a_visible_mark(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    found = model("a", description="x\x00y", tags=[{"key": "k", "value": "\x00"}, {"key": "n", "value": 3}, {}])
    fake.on(MODELS, Answer(200, {"registered_models": [found]}))
    got = registry.model("a")
    assert got.description == "x\ufffdy"
    assert got.tags == {"k": "\ufffd"}


def test_model__search_finds_a_namesake_only__the_exact_call_decides(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    fake.on(MODELS, models_page("A"))
    fake.on("GET registered-models/get", Answer(200, {"registered_model": model("A")}))
    with pytest.raises(NotFoundError):
        registry.model("a")


def test_model__server_reads_the_filter_otherwise__is_found_by_the_exact_call(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    fake.on(MODELS, Answer(200, {}))
    aliases = [{"alias": "champion", "version": "3"}]
    fake.on("GET registered-models/get", Answer(200, {"registered_model": model("it's", aliases=aliases)}))
    assert registry.model("it's").aliases == {"champion": 3}


def test_versions_of__unusual_name_without_rows__is_asked_for_by_pattern_and_filtered_exactly(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    def answer(seen: Seen) -> Answer:
        is_pattern = "LIKE" in seen.query["filter"][0]
        return versions_page(version("it's", 1), version("it-s", 1)) if is_pattern else versions_page(version("a", 2))

    fake.on(VERSIONS, answer)
    assert [v.key for v in registry.versions_of(["it's", "a"])] == [VersionKey("a", 2), VersionKey("it's", 1)]
    assert fake.seen[1].query["filter"] == ["name LIKE 'it%s'"]


def test_versions_of__server_answers_with_other_models__they_are_dropped(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    fake.on(VERSIONS, versions_page(version("a", 1), version("other", 1)))
    assert [v.key for v in registry.versions_of(["a"])] == [VersionKey("a", 1)]


def test_versions_of__plain_name_without_versions__costs_one_call(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(VERSIONS, versions_page())
    assert registry.versions_of(["a", "a"]) == []
    assert len(fake.seen) == 1


def test_versions_of__nothing_asked__asks_nothing(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    assert registry.versions_of([]) == []
    assert fake.seen == []


def test_versions_of__many_long_names__every_address_stays_short(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    names = [f"{n}{'🚀' * 200}" for n in range(30)]
    fake.on(VERSIONS, lambda seen: versions_page(*[version(n, 1) for n in names]))
    assert len(registry.versions_of(names)) == 30
    assert max(len(seen.query["filter"][0]) for seen in fake.seen) < 8_000


def test_versions_of__name_longer_than_any_address__is_found_by_pattern(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    name = "x" * 20_000
    fake.on(VERSIONS, versions_page(version(name, 1)))
    assert [v.version for v in registry.versions_of([name])] == [1]
    assert len(fake.seen[0].query["filter"][0]) < 300


def test_versions_of__numbers_come_as_text__are_sorted_as_numbers(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(VERSIONS, versions_page(version("a", 10), version("a", 9), version("a", 2)))
    assert [v.version for v in registry.versions_of(["a"])] == [2, 9, 10]


def test_version__fields_are_missing__are_unknown_and_never_ready(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    bare = {"name": "a", "version": "1", "creation_timestamp": 5}
    fake.on("GET model-versions/get", Answer(200, {"model_version": bare}))
    got = registry.version(VersionKey("a", 1))
    assert (got.status, got.stage, got.run_id, got.aliases) == ("UNKNOWN", "None", "", ())
    assert got.updated == got.created == datetime.fromtimestamp(0.005, UTC)


def test_recently_updated__older_rows_begin__walk_ends_there(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    first = versions_page(version("a", 1, 9_000), version("b", 1, 8_000), token="t1")
    fake.on(VERSIONS, first, versions_page(version("b", 1, 8_000), version("c", 1, 1_000), token="t2"))
    got = registry.recently_updated(datetime.fromtimestamp(8, UTC))
    assert [v.model for v in got] == ["a", "b"]
    assert len(fake.seen) == 2


def test_recently_updated__page_is_empty_but_has_a_successor__walk_goes_on(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    fake.on(VERSIONS, versions_page(token="t1"), versions_page(version("a", 1, 9_000)))
    assert [v.model for v in registry.recently_updated(datetime.fromtimestamp(8, UTC))] == ["a"]


def test_holders__two_in_the_stage__both_are_told(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    aliased = model("a", aliases=[{"alias": "champion", "version": "1"}])
    fake.on(MODELS, Answer(200, {"registered_models": [aliased]}))
    stages = [version("a", 1, current_stage="Production"), version("a", 2, current_stage="Archived")]
    fake.on(VERSIONS, versions_page(*stages, version("a", 3, current_stage="Production")))
    got = registry.holders("a", stage="production", alias="champion")
    assert (got.in_stage, got.alias_version) == ((1, 3), 1)
    assert registry.holders("a", stage=None, alias="nobody").alias_version is None


def test_runs__many__are_searched_in_all_experiments_and_missing_ones_asked_singly(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    fake.on(EXPERIMENTS, Answer(200, {"experiments": [{"experiment_id": "1"}, {"experiment_id": "2"}]}))
    fake.on(RUN_SEARCH, Answer(200, {"runs": [run("r1"), run("r2")]}))
    fake.on("GET runs/get", lambda seen: found_or_not(seen, "r3"))
    got = registry.runs(["r1", "r2", "r3", "r4", "it's odd", "r1", ""])
    assert sorted(got) == ["r1", "r2", "r3"]
    search = next(seen.body for seen in fake.seen if seen.path.endswith("runs/search"))
    assert search["filter"] == "attributes.run_id IN ('r1','r2','r3','r4')"
    assert (search["run_view_type"], search["experiment_ids"]) == ("ALL", ["1", "2"])


def found_or_not(seen: Seen, run_id: str) -> Answer:
    if seen.query["run_id"] == [run_id]:
        return Answer(200, {"run": run(run_id)})
    return Answer(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run not found"})


def test_runs__few__cost_one_call_each(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on("GET runs/get", lambda seen: found_or_not(seen, "r1"))
    assert list(registry.runs(["r1", "r2"])) == ["r1"]
    assert fake.paths() == ["runs/get", "runs/get", "logged-models/search"]


def test_runs__list_of_experiments__is_kept_for_a_minute(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(EXPERIMENTS, Answer(200, {"experiments": [{"experiment_id": "1"}]}))
    fake.on(RUN_SEARCH, Answer(200, {"runs": [run("a"), run("b"), run("c")]}))
    for _ in range(3):
        registry.runs(["a", "b", "c"])
    assert fake.paths().count("experiments/search") == 1


def test_run__metrics_are_strange__nan_and_infinity_stay_and_rubbish_is_unknown(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    values = {"nan": "NaN", "inf": 1.7976931348623157e308, "low": "-Infinity", "zero": 0, "ok": 0.5}
    bad = {"text": "good", "none": None, "list": [1], "flag": True, "huge": 10**400}
    metrics = [{"key": k, "value": v} for k, v in (values | bad).items()] + [{"value": 1}, {"key": "empty"}]
    fake.on("GET runs/get", Answer(200, {"run": run("r", metrics=metrics)}))
    got = registry.runs(["r"])["r"].metrics
    assert math.isnan(got.pop("nan"))
    assert got == {"inf": math.inf, "low": -math.inf, "zero": 0.0, "ok": 0.5}


def test_run__bare_nan_in_json__is_not_a_crash(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    body = b'{"run": {"info": {"run_id": "r", "start_time": NaN}, "data": {"metrics": [{"key": "m", "value": NaN}]}}}'
    fake.on("GET runs/get", Answer(200, body))
    got = registry.runs(["r"])["r"]
    assert math.isnan(got.metrics["m"])
    assert got.started is None


@pytest.mark.parametrize(
    ("profile", "rows"),
    [
        ('{"num_rows": 12}', 12),
        ('{"num_rows": "x"}', None),
        ("[]", None),
        ("{", None),
        ("[" * 9999, None),
        (None, None),
    ],
)
def test_run__dataset__is_read_with_its_context_and_rows_where_told(
    fake: FakeMlflow, registry: MlflowRegistry, profile: str | None, rows: int | None
) -> None:
    dataset = {"name": "adult", "digest": "abcd", "source_type": "local", "source": "{}", "profile": profile}
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    found = run("r") | {"inputs": {"dataset_inputs": [{"dataset": dataset, "tags": tags}, {}]}}
    fake.on("GET runs/get", Answer(200, {"run": found}))
    expected = Dataset("adult", "abcd", "training", "{}", "local", rows)
    assert registry.runs(["r"])["r"].datasets == (expected, Dataset("", ""))


LIST = "GET artifacts/list"
FILES = {"root_uri": "x:/", "files": [{"path": "a.txt", "file_size": "3"}, {"path": "d", "is_dir": True}]}


def test_artifacts__listed__have_sizes_where_told(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(LIST, Answer(200, FILES))
    assert registry.artifacts("r") == [Artifact("a.txt", "file", 3), Artifact("d", "folder", None)]


def test_artifacts__answer_without_a_root__is_rubbish(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(LIST, Answer(200, {}))
    with pytest.raises(UpstreamInvalidError):
        registry.artifacts("r")


def test_read_artifact__larger_than_the_limit__is_refused_and_at_the_limit_is_not(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    fake.on("GET /get-artifact", file(b"x" * 100))
    assert registry.read_artifact("r", "a.txt", limit=100) == b"x" * 100
    with pytest.raises(InvalidInputError, match="99 bytes"):
        registry.read_artifact("r", "a.txt", limit=99)


@pytest.mark.parametrize("status", [400, 500])
def test_read_artifact__store_fails_on_a_file_that_is_not_listed__is_not_found(
    fake: FakeMlflow, registry: MlflowRegistry, status: int
) -> None:
    fake.on("GET /get-artifact", Answer(status, {"error_code": "X", "message": "boom"}))
    fake.on(LIST, Answer(200, FILES))
    for path in ("b.txt", "d"):
        with pytest.raises(NotFoundError):
            registry.read_artifact("r", path, limit=10)
    with pytest.raises(Exception, match="boom" if status == 400 else "HTTP 500"):
        registry.read_artifact("r", "a.txt", limit=10)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", "a%2e%2e", "a\\b", "file:x", "a//b", "a#b"])
def test_read_artifact__path_leaves_its_place__is_refused_before_anything_is_sent(
    fake: FakeMlflow, registry: MlflowRegistry, path: str
) -> None:
    with pytest.raises(InvalidInputError):
        registry.read_artifact("r", path, limit=10)
    with pytest.raises(InvalidInputError):
        registry.read_model_file(VersionKey("m", 1), path, limit=10)
    assert fake.seen == []


KEY = VersionKey("m", 1)
MODEL_LIST = "GET logged-models/m-1/artifacts/directories"


def serve_logged_model(fake: FakeMlflow, *pages: Answer, source: str = "models:/m-1") -> None:
    fake.on("GET model-versions/get", Answer(200, {"model_version": version("m", 1, source=source, run_id="r")}))
    fake.on(MODEL_LIST, *pages)
    fake.on("GET /model-versions/get-artifact", file(b"x" * 50))


def listing(*items: dict) -> Answer:
    return Answer(200, {"root_uri": "x:/", "files": list(items)})


def test_digest__no_files__is_not_found_and_never_the_digest_of_nothing(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    serve_logged_model(fake, listing())
    with pytest.raises(NotFoundError):
        registry.artifact_digest(KEY)


@pytest.mark.parametrize("size", [{"file_size": 50}, {}], ids=["size told", "size found out"])
def test_digest__model_too_large__is_refused(fake: FakeMlflow, size: dict) -> None:
    serve_logged_model(fake, listing({"path": "a", **size}))
    with registry_at(fake.url, digest_limit_bytes=49) as registry, pytest.raises(InvalidInputError, match="49 bytes"):
        registry.artifact_digest(KEY)


def test_digest__too_many_files__is_refused(fake: FakeMlflow) -> None:
    serve_logged_model(fake, listing(*[{"path": str(n)} for n in range(4)]))
    with registry_at(fake.url, digest_limit_files=3) as registry, pytest.raises(InvalidInputError, match="3 files"):
        registry.artifact_digest(KEY)


def test_digest__folders_without_end__is_refused(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    def deeper(seen: Seen) -> Answer:
        folder = seen.query.get("artifact_directory_path", [""])[0]
        return listing({"path": f"{folder}/d" if folder else "d", "is_dir": True})

    serve_logged_model(fake)
    fake.on(MODEL_LIST, deeper)
    with pytest.raises(InvalidInputError, match="too deep"):
        registry.artifact_digest(KEY)


@pytest.mark.parametrize("path", ["../../secret", "/etc/passwd", "a%41", "other/x"])
def test_digest__listing_names_a_file_outside_or_one_that_reads_another__is_refused(
    fake: FakeMlflow, registry: MlflowRegistry, path: str
) -> None:
    serve_logged_model(fake, listing({"path": "sub", "is_dir": True}), listing({"path": path}))
    with pytest.raises(InvalidInputError):
        registry.artifact_digest(KEY)
    assert "/model-versions/get-artifact" not in fake.paths()


def test_digest__takes_too_long__is_unavailable(fake: FakeMlflow) -> None:
    serve_logged_model(fake, listing({"path": "a"}))
    with registry_at(fake.url, digest_seconds=1e-9) as registry:
        with pytest.raises(UpstreamUnavailableError, match="Hashing"):
            registry.artifact_digest(KEY)


def test_digest__source_outside_its_run__is_not_found_with_a_hint(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    serve_logged_model(fake, source="s3://elsewhere/model")
    fake.on("GET model-versions/get-download-uri", Answer(200, {"artifact_uri": "s3://elsewhere/model"}))
    fake.on(LIST, Answer(200, {"root_uri": "s3://bucket/1/r/artifacts"}))
    with pytest.raises(NotFoundError, match="outside its run") as caught:
        registry.artifact_digest(KEY)
    assert caught.value.hint


def test_digest__source_in_another_store_but_in_its_run__is_read_through_the_run(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    root = "s3://bucket/1/r/artifacts"
    serve_logged_model(fake, source=f"{root}/model")
    fake.on("GET model-versions/get-download-uri", Answer(200, {"artifact_uri": f"{root}/model"}))
    fake.on(LIST, Answer(200, {"root_uri": root, "files": [{"path": "model/MLmodel"}]}))
    fake.on("GET /get-artifact", file(b"hello"))
    assert registry.artifact_digest(KEY).startswith("sha256:")
    assert fake.seen[-1].query == {"run_id": ["r"], "path": ["model/MLmodel"]}


def test_read_artifact__sign_in_page_instead_of_the_file__is_rubbish_not_content(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    fake.on("GET /get-artifact", Answer(200, b"<html>Sign in</html>"))
    fake.on(LIST, Answer(200, FILES))
    with pytest.raises(UpstreamInvalidError):
        registry.read_artifact("r", "a.txt", limit=100)


def test_digest__file_has_another_size_than_listed__is_unavailable_for_now(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    serve_logged_model(fake, listing({"path": "a", "file_size": 51}))
    with pytest.raises(UpstreamUnavailableError, match="51 bytes, and 50 came"):
        registry.artifact_digest(KEY)


HUGE = [{"key": "k", "value": "x" * 3000}]


def test_models__one_has_enormous_tags__pages_shrink_and_all_come(fake: FakeMlflow) -> None:
    def answer(seen: Seen) -> Answer:
        if int(seen.query["max_results"][0]) > 20:
            return Answer(200, {"registered_models": [model("a", tags=HUGE), model("b", tags=HUGE)]})
        is_second = "page_token" in seen.query
        page = {"registered_models": [model("b" if is_second else "a", tags=HUGE)]}
        return Answer(200, page if is_second else page | {"next_page_token": "t"})

    fake.on(MODELS, answer)
    with registry_at(fake.url, max_answer_bytes=5000) as registry:
        assert [m.name for page in registry.models() for m in page] == ["a", "b"]


def test_versions_of__one_model_has_enormous_tags__the_others_are_still_read(fake: FakeMlflow) -> None:
    def answer(seen: Seen) -> Answer:
        asked = [name for name in ("a", "b", "c", "d") if f"'{name}'" in seen.query["filter"][0]]
        return versions_page(*[version(name, 1, tags=HUGE if name == "c" else []) for name in asked for _ in "12"])

    fake.on(VERSIONS, answer)
    with registry_at(fake.url, max_answer_bytes=7000) as registry:
        assert [v.model for v in registry.versions_of(["a", "b", "c", "d"])] == ["a", "b", "c", "d"]
    with registry_at(fake.url, max_answer_bytes=3000) as registry:
        assert [v.model for v in registry.versions_of(["a", "b"])] == ["a", "b"]
        with pytest.raises(UpstreamInvalidError, match="3,000 bytes"):
            registry.versions_of(["c"])


def test_recently_updated__answer_too_large__pages_shrink(fake: FakeMlflow) -> None:
    def answer(seen: Seen) -> Answer:
        many = int(seen.query["max_results"][0]) > 20
        return versions_page(*[version("a", n + 1, tags=HUGE) for n in range(3 if many else 1)])

    fake.on(VERSIONS, answer)
    with registry_at(fake.url, max_answer_bytes=5000) as registry:
        assert len(registry.recently_updated(datetime.fromtimestamp(0, UTC))) == 1


def test_runs__search_answer_too_large__runs_are_asked_for_singly(fake: FakeMlflow) -> None:
    fake.on(EXPERIMENTS, Answer(200, {"experiments": [{"experiment_id": "1"}]}))
    fake.on(RUN_SEARCH, Answer(200, {"runs": [run(n, tags=HUGE) for n in "abc"]}))
    fake.on("GET runs/get", lambda seen: Answer(200, {"run": run(seen.query["run_id"][0], tags=HUGE)}))
    with registry_at(fake.url, max_answer_bytes=5000) as registry:
        assert sorted(registry.runs(["a", "b", "c"])) == ["a", "b", "c"]
