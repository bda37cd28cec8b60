"""The test reports in a run's folder `tests`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.catalogue.test_reports.documents import MAX_BYTES
from services.catalogue.test_reports.reading import is_other_file, read_report
from services.domain.catalogue import TestReport
from services.domain.examined import Examined, LeftOut
from services.domain.registry import Artifact
from services.domain.test_results import broken_report, report_of, with_exit_code
from services.errors import NotFoundError, PortalError
from services.ports.registry import RegistryReader

FOLDER = "tests"
READ = (".xml", ".trx", ".json")
"""Endings of files that are read; what they hold decides how."""
KNOWN = (".tap", ".subunit", ".xml.gz", ".json.gz", ".tar.gz", ".zip")
"""Endings of files that often hold results of tests, and are not read."""
EXIT_CODE = "exit_code"
"""``tests/unit.xml.exit_code``: how the step ended that wrote tests/unit.xml; ``tests/jvm/exit_code``: for a folder."""
MAX_FILES = 500
MAX_FOLDERS = 200
MAX_LEVELS = 10
MAX_TOTAL = 100_000_000
"""Bytes of all reports of one run."""
_NAMED = 5


@dataclass
class _Found:
    """The content of the folder."""

    reports: list[str] = field(default_factory=list)
    exit_codes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def read_reports(registry: RegistryReader, run_id: str) -> tuple[TestReport, ...]:
    """All reports in the run's `tests` folder and the folders below; empty when there is none. Raises UpstreamError.

    Where something was left out or does not agree, a report of the folder itself says so: the whole is not green then.
    """
    found = _walk(registry, run_id)
    reports, cut = _read_all(registry, run_id, found.reports)
    others = [item for report in reports if is_other_file(report) for item in report.examined.left_out]
    kept = [report for report in reports if not is_other_file(report)]
    codes, unclear = _exit_codes(registry, run_id, found.exit_codes)
    kept = [with_exit_code(report, codes.get(report.title)) for report in kept]
    said = [*unclear, *_missing(codes, found.reports), *_failed_folders(codes, kept)]
    left_out = [*found.left_out, *cut, *_named("not read", found.unread, by_policy=False)]
    beside = [*others, *_named("no results of tests", found.others, by_policy=True)]
    if left_out or said or (kept and beside):
        total = len(found.reports) + len(found.unread) - len(others)
        kept.append(_of_the_folder(Examined(len(kept), total, "test reports", (*left_out, *beside)), said))
    return tuple(kept)


def _walk(registry: RegistryReader, run_id: str) -> _Found:
    found, folders, looked_at = _Found(), [FOLDER], 0
    while folders:
        folder = folders.pop(0)
        if looked_at >= MAX_FOLDERS or folder.count("/") >= MAX_LEVELS:
            why = f"only {MAX_FOLDERS} folders are looked through, {MAX_LEVELS} levels deep"
            found.left_out.append(LeftOut(f"folder {folder}", why))
            continue
        looked_at += 1
        for artifact in _listed(registry, run_id, folder):
            if artifact.kind == "file":
                _sort(artifact.path, found)
            else:
                folders.append(artifact.path)
    return found


def _listed(registry: RegistryReader, run_id: str, folder: str) -> Sequence[Artifact]:
    try:
        return registry.artifacts(run_id, folder)
    except NotFoundError:
        return ()


def _sort(path: str, found: _Found) -> None:
    name = path.rpartition("/")[2].lower()
    if name == EXIT_CODE or name.endswith(f".{EXIT_CODE}"):
        found.exit_codes.append(path)
    elif name.endswith(KNOWN):
        found.unread.append(path)
    elif name.endswith(READ):
        found.reports.append(path)
    else:
        found.others.append(path)


def _read_all(registry: RegistryReader, run_id: str, paths: Sequence[str]) -> tuple[list[TestReport], list[LeftOut]]:
    """The reports by path, within the limits, and what the limits left out."""
    reports: list[TestReport] = []
    size, ordered = 0, sorted(paths)
    for number, path in enumerate(ordered):
        if number >= MAX_FILES or size >= MAX_TOTAL:
            why = f"a run's first {MAX_FILES} test reports are read, up to {MAX_TOTAL:,} bytes in all"
            return reports, [LeftOut(f"{len(ordered) - number:,} of {len(ordered):,} test reports", why)]
        report, length = _read(registry, run_id, path)
        reports.append(report)
        size += length
    return reports, []


def _read(registry: RegistryReader, run_id: str, path: str) -> tuple[TestReport, int]:
    try:
        data = registry.read_artifact(run_id, path, limit=MAX_BYTES)
    except PortalError as error:
        if error.code.startswith("upstream"):
            raise
        return broken_report(path, f"run artifact {path}", error.message), 0
    return read_report(path, data), len(data)


def _exit_codes(registry: RegistryReader, run_id: str, paths: Iterable[str]) -> tuple[dict[str, int], list[str]]:
    """Exit codes that steps recorded beside their reports, by report or folder; and sentences on invalid ones."""
    codes: dict[str, int] = {}
    unclear = []
    for path in sorted(paths):
        try:
            text = registry.read_artifact(run_id, path, limit=100)
            codes[path[: -len(EXIT_CODE) - 1]] = int(text.decode("ascii").strip())
        except (PortalError, ValueError) as error:
            if isinstance(error, PortalError) and error.code.startswith("upstream"):
                raise
            unclear.append(f"{path} does not hold an exit code.")
    return codes, unclear


def _missing(codes: dict[str, int], reports: Sequence[str]) -> list[str]:
    """Exit codes of reports, or of folders of reports, that are not there."""
    there = {*reports, *(_above(path) for path in reports)}
    return [f"There is an exit code for {name}, and no such report." for name in codes if name not in there]


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _failed_folders(codes: dict[str, int], reports: Sequence[TestReport]) -> list[str]:
    """Folders whose step failed, where no report below shows a failure."""
    said = []
    for folder, code in codes.items():
        below = [report for report in reports if report.title.startswith(f"{folder}/")]
        if code and below and not any(report.failed or report.problem for report in below):
            said.append(
                f"The step that wrote {folder} ended with exit code {code}, and no report there shows a failed test."
            )
    return said


def _named(why: str, paths: Sequence[str], *, by_policy: bool) -> list[LeftOut]:
    """A few of the files by name, the rest by number."""
    if not paths:
        return []
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    reason = f"{', '.join(READ)} files are read" if not by_policy else why
    return [LeftOut(f"{', '.join(sorted(paths)[:_NAMED])}{more}", reason, by_policy=by_policy)]


def _of_the_folder(examined: Examined, said: Sequence[str]) -> TestReport:
    return report_of(f"{FOLDER}/", f"run artifacts below {FOLDER}", (), contradictions=said, examined=examined)
