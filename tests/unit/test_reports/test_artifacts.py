"""Reports among a run's artifacts: all folders, all files, and what was left out is said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.catalogue.test_reports import artifacts
from services.catalogue.test_reports.artifacts import read_reports
from services.domain.catalogue import TestReport
from services.domain.checks import Verdict
from services.domain.registry import Artifact
from services.domain.test_results import judge
from services.errors import InvalidInputError, NotFoundError, UpstreamError
from services.ports.registry import RegistryReader

GREEN = b'<testsuite tests="1" failures="0"><testcase name="a"/></testsuite>'
RED = (
    b'<testsuite tests="1" failures="1"><testcase name="a"><failure message="bias above bound"/></testcase></testsuite>'
)


class Store:
    """Artifacts as MLflow lists them, one level at a time."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.reads: list[str] = []

    def artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        assert run_id == "r"
        below = [name.removeprefix(f"{path}/") for name in self.files if name.startswith(f"{path}/")]
        if not below:
            raise NotFoundError("no such folder")
        names = dict.fromkeys(name.partition("/")[0] for name in below)
        return [Artifact(f"{path}/{n}", "file" if n in below else "folder", 1) for n in names]

    def read_artifact(self, run_id: str, path: str, *, limit: int) -> bytes:
        assert run_id == "r"
        self.reads.append(path)
        if len(self.files[path]) > limit:
            raise InvalidInputError("It is too large.")
        return self.files[path]


def read(files: dict[str, bytes]) -> tuple[TestReport, ...]:
    store: RegistryReader = Store(files)  # type: ignore[assignment]
    return read_reports(store, "r")


def test_run__without_a_tests_folder__has_no_report() -> None:
    assert read({"model/MLmodel": b""}) == ()


def test_25_reports__of_which_the_last_fails__are_all_counted() -> None:
    """Case 10."""
    files = {f"tests/TEST-{n:02}.xml": RED if n == 24 else GREEN for n in range(25)}
    found = judge(read(files))
    assert (found.verdict, found.value) == (Verdict.FAIL, "24 passed, 1 failed")
    assert found.sentence == "Failing: tests/TEST-24.xml."


def test_more_reports_than_the_limit__are_never_green(monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 10: a limit is said and never green."""
    monkeypatch.setattr(artifacts, "MAX_FILES", 20)
    found = judge(read({f"tests/TEST-{n:02}.xml": RED if n == 24 else GREEN for n in range(25)}))
    assert (found.verdict, found.value) == (Verdict.UNKNOWN, "20 passed, 0 failed")
    assert "20 of 25 test reports checked." in found.sentence
    assert "5 of 25 test reports not checked" in found.sentence


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_TOTAL", 100), ("MAX_FOLDERS", 1), ("MAX_LEVELS", 1), ("MAX_BYTES", 10)]
)
def test_each_limit__when_it_is_reached__is_said_and_never_green(
    name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"tests/a.xml": GREEN, "tests/b.xml": GREEN, "tests/deep/er/c.xml": GREEN}
    assert judge(read(files)).verdict is Verdict.PASS
    monkeypatch.setattr(artifacts, name, value)
    assert judge(read(files)).verdict is Verdict.UNKNOWN


def test_folders_below__of_any_depth__are_read() -> None:
    reports = read(
        {"tests/unit/a.xml": GREEN, "tests/jvm/target/surefire-reports/b.XML": RED, "tests/gx/r.trx": b"<x/>"}
    )
    assert [report.title for report in reports] == [
        "tests/gx/r.trx", "tests/jvm/target/surefire-reports/b.XML", "tests/unit/a.xml",
    ]  # fmt: skip
    assert judge(reports).verdict is Verdict.FAIL


def test_other_files__beside_the_reports__are_named_and_do_not_matter() -> None:
    files = {
        "tests/a.xml": GREEN,
        "tests/coverage.xml": b"<coverage/>",
        "tests/report.html": b"",
        "tests/expected.json": b"{}",
    }
    reports = read(files)
    assert judge(reports).verdict is Verdict.PASS
    said = " ".join(reports[-1].examined.sentences())
    assert all(name in said for name in ("coverage.xml", "report.html", "expected.json"))
    assert read({"tests/report.html": b""}) == ()


def test_reports_in_a_form_that_is_not_read__are_never_green() -> None:
    found = judge(read({"tests/a.xml": GREEN, "tests/more.tap": b"not ok 1"}))
    assert (found.verdict, "tests/more.tap not checked" in found.sentence) == (Verdict.UNKNOWN, True)
    assert judge(read({"tests/all.zip": b""})).verdict is Verdict.UNKNOWN


def test_exit_code__beside_a_report__contradicts_a_green_one() -> None:
    """Case 32: the exit code is kept beside the report."""
    for code, verdict in (
        (b"0\n", Verdict.PASS),
        (b"1", Verdict.UNKNOWN),
        (b"-9", Verdict.UNKNOWN),
        (b"?", Verdict.UNKNOWN),
    ):
        assert judge(read({"tests/a.xml": GREEN, "tests/a.xml.exit_code": code})).verdict is verdict
    assert judge(read({"tests/a.xml": RED, "tests/a.xml.exit_code": b"0"})).verdict is Verdict.FAIL
    assert judge(read({"tests/a.xml": GREEN, "tests/b.xml.exit_code": b"0"})).verdict is Verdict.UNKNOWN, (
        "b.xml is missing"
    )


def test_exit_code__of_a_folder__contradicts_where_no_report_there_failed() -> None:
    files = {"tests/jvm/a.xml": GREEN, "tests/jvm/b.xml": GREEN, "tests/unit.xml": RED, "tests/jvm/exit_code": b"1"}
    found = judge(read(files))
    assert found.verdict is Verdict.FAIL
    assert "no report there shows a failed test" in found.sentence
    files["tests/unit.xml"] = GREEN
    assert judge(read(files)).verdict is Verdict.UNKNOWN
    files["tests/jvm/b.xml"] = RED
    assert "exit code" not in judge(read(files)).sentence


def test_store__that_does_not_answer__raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> bytes:
        raise UpstreamError("MLflow does not answer.")

    monkeypatch.setattr(Store, "read_artifact", down)
    with pytest.raises(UpstreamError):
        read({"tests/a.xml": GREEN})
