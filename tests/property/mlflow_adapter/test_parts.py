"""The pure parts: filters, paths, links, digest, configuration, breaker."""

import ast
import hashlib
from threading import Thread
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.adapters.mlflow import Links, MlflowConfig, filters
from services.adapters.mlflow.artifact_paths import checked, checked_folder, is_safe
from services.adapters.mlflow.breaker import Breaker
from services.domain.model_digest import digest_of_files
from services.domain.registry import VersionKey
from services.errors import InvalidInputError, SettingsError, UpstreamUnavailableError

NAMES = st.text(min_size=1, max_size=40)


@given(NAMES)
def test_literal__any_name__reads_back_as_the_name_and_has_no_character_of_meaning(name: str) -> None:
    literal = filters.literal(name)
    assert ast.literal_eval(literal) == name
    assert literal.isascii()
    assert not set(literal[1:-1]) & set("'\"`()%;,#\n\r\t\x00")


@given(st.lists(NAMES, max_size=150))
def test_chunks__any_names__keep_all_in_order_and_stay_small(names: list[str]) -> None:
    groups = list(filters.chunks(names))
    assert [name for group in groups for name in group] == names
    assert all(len(group) <= filters.MAX_NAMES for group in groups)


@given(NAMES)
def test_like__any_name__cannot_end_its_quotes(name: str) -> None:
    assert filters.like(name).removeprefix("name LIKE '").removesuffix("'").count("'") == 0


@given(st.text(max_size=60))
def test_is_safe__whatever_is_accepted__stays_below_and_is_taken_literally(path: str) -> None:
    if is_safe(path):
        assert unquote(path) == path
        assert not path.startswith(("/", "file:"))
        assert not {"", ".", ".."} & set(path.split("/"))


@pytest.mark.parametrize(
    "path", ["model/MLmodel", "tests/a b.xml", "ü 🚀.txt", "q'\".txt", "%zz", "a..b", "100%", "x=1;y"]
)
def test_checked__ordinary_and_unusual_paths__pass(path: str) -> None:
    assert checked(path) == path


def test_checked_folder__root_and_slash_at_the_end__are_fine() -> None:
    assert checked_folder("") == ""
    assert checked_folder("/") == ""
    assert checked_folder("tests/") == "tests"
    with pytest.raises(InvalidInputError):
        checked_folder("../tests")


@given(NAMES)
def test_links__any_name__survives_in_one_segment(name: str) -> None:
    link = Links("https://ml.example/base/").version(VersionKey(name, 3))
    start, end = "https://ml.example/base/#/models/", "/versions/3"
    assert link.startswith(start)
    assert link.endswith(end)
    middle = link[len(start) : -len(end)]
    assert not set(middle) & set("/?#&<>\"' ")
    assert unquote(middle) == name


def test_links__workspace__is_carried_along() -> None:
    links = Links("http://ml", workspace="a b")
    assert links.run("1", "r") == "http://ml/#/experiments/1/runs/r?workspace=a%20b"
    assert links.model("m") == "http://ml/#/models/m?workspace=a%20b"
    assert links.experiment("7") == "http://ml/#/experiments/7?workspace=a%20b"


def test_digest__defined_format__is_computed_as_documented() -> None:
    inner = {"b": hashlib.sha256(b"B").hexdigest(), "a/ü": hashlib.sha256(b"A").hexdigest()}
    text = f"{inner['a/ü']} 4 a/ü\n{inner['b']} 1 b\n"
    assert digest_of_files(inner) == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.sampled_from(["0" * 64, "1" * 64]), min_size=1))
def test_digest__order_of_files__does_not_matter_but_names_do(files: dict[str, str]) -> None:
    assert digest_of_files(dict(reversed(files.items()))) == digest_of_files(files)
    first = next(iter(files))
    assert digest_of_files({k: v for k, v in files.items() if k != first}) != digest_of_files(files)


@pytest.mark.parametrize(
    "uri",
    ["", "databricks", "databricks-uc://profile", "sqlite:///x.db", "file:///x", "http://", "mlflow:5000", "http://h:x",
     "http://u:p4ss@h", "http://h/?a=b", "http://h/#x", "http://[::1"],
)  # fmt: skip
def test_config__address_makes_no_sense__is_refused_without_showing_it(uri: str) -> None:
    with pytest.raises(SettingsError) as caught:
        MlflowConfig(uri)
    assert "p4ss" not in caught.value.sentence()


@pytest.mark.parametrize(
    "settings",
    [
        {"username": "u"},
        {"password": SecretStr("p")},
        {"username": "u", "password": SecretStr("p"), "token": SecretStr("t")},
        {"token": SecretStr("a\nb")},
        {"workspace": "a\r\nX: y"},
        {"call_seconds": 0},
        {"call_seconds": float("nan")},
        {"read_attempts": 0},
        {"ui_url": "javascript:alert(1)"},
    ],
)
def test_config__settings_contradict_or_make_no_sense__are_refused(settings: dict) -> None:
    with pytest.raises(SettingsError):
        MlflowConfig("http://h", **settings)


def test_config__shown__hides_secrets_and_tidies_addresses() -> None:
    config = MlflowConfig(" https://h/prefix/ ", token=SecretStr("t0k"))
    assert "t0k" not in repr(config)
    assert config.redact("you said t0k!") == "you said …!"
    assert (config.base, config.ui_base) == ("https://h/prefix", "https://h/prefix")
    assert MlflowConfig("http://h", ui_url="https://ui/").ui_base == "https://ui"


class Watch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def is_open(breaker: Breaker) -> bool:
    try:
        breaker.check()
    except UpstreamUnavailableError:
        return True
    return False


def test_breaker__after_a_failure__is_open_for_its_time_then_lets_one_through() -> None:
    watch = Watch()
    breaker = Breaker(seconds=5, monotonic=watch)
    assert not is_open(breaker)
    breaker.failed("MLflow is away.")
    watch.now += 4.9
    assert is_open(breaker)
    watch.now += 0.2
    assert [is_open(breaker), is_open(breaker)] == [False, True]
    breaker.worked()
    assert not is_open(breaker)


def test_breaker__the_one_let_through_fails_or_vanishes__stays_closed_to_others_for_another_time() -> None:
    watch = Watch()
    breaker = Breaker(seconds=5, monotonic=watch)
    breaker.failed("MLflow is away.")
    watch.now += 5
    assert not is_open(breaker)
    breaker.failed("MLflow is away.")
    watch.now += 4.9
    assert is_open(breaker)
    watch.now += 5
    assert not is_open(breaker)


def test_breaker__open__tells_the_problem_and_when_to_come_back() -> None:
    watch = Watch()
    breaker = Breaker(seconds=5, monotonic=watch)
    breaker.failed("MLflow is away.")
    watch.now += 2
    with pytest.raises(UpstreamUnavailableError, match="MLflow is away") as caught:
        breaker.check()
    assert caught.value.retry_after == pytest.approx(3)


def test_breaker__many_threads_when_the_time_is_over__exactly_one_goes_through() -> None:
    watch = Watch()
    breaker = Breaker(seconds=5, monotonic=watch)
    breaker.failed("MLflow is away.")
    watch.now += 6
    results: list[bool] = []
    threads = [Thread(target=lambda: results.append(is_open(breaker))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(False) == 1
