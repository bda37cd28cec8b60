"""The filters, order and paging of the builds list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from azure_devops_server.api.orders import REASON_BITS, REASONS
from azure_devops_server.http.errors import bad_request
from azure_devops_server.http.wire import Call, chosen, chosen_flags
from azure_devops_server.model.build import Build
from azure_devops_server.organization import Organization
from azure_devops_server.values import comma_list, parse_time, wire_time

STATUSES = ("none", "inProgress", "completed", "cancelling", "postponed", "notStarted", "all")
STATUS_BITS = {
    0: "none", 1: "inProgress", 2: "completed", 4: "cancelling", 8: "postponed", 32: "notStarted", 47: "all",
}  # fmt: skip
RESULTS = ("none", "succeeded", "partiallySucceeded", "failed", "canceled")
RESULT_BITS = {0: "none", 2: "succeeded", 4: "partiallySucceeded", 8: "failed", 32: "canceled"}
_ORDERS = (
    "finishTimeAscending", "finishTimeDescending", "queueTimeDescending", "queueTimeAscending", "startTimeDescending",
    "startTimeAscending",
)  # fmt: skip
_ORDER_NUMBERS = {
    2: "finishTimeAscending", 3: "finishTimeDescending", 4: "queueTimeDescending", 5: "queueTimeAscending",
    6: "startTimeDescending", 7: "startTimeAscending",
}  # fmt: skip
_DEFAULT_TOP = 1000
_LATEST = datetime.max.replace(tzinfo=UTC)
Test = Callable[[Build], bool]


def search_builds(org: Organization, call: Call, project_id: str) -> tuple[list[Build], str | None]:
    """A page of builds and the token of the next: the time of its first build, in the field of the order."""
    order = chosen(
        call.query.get("queryorder") or "queueTimeDescending", _ORDERS, name="queryOrder", numbers=_ORDER_NUMBERS
    )
    field = order.removesuffix("Ascending").removesuffix("Descending")
    if call.query.get("deletedfilter", "").casefold() in ("onlydeleted", "2"):
        return [], None
    tests = [*_tests(org, call), *_times(call, field)]
    rows = [row for row in org.state.builds.within(project_id) if all(test(row) for test in tests)]
    rows = _capped(_sorted(rows, field, descending=order.endswith("Descending")), call)
    rows = _after_token(rows, call, field, descending=order.endswith("Descending"))
    top = call.number("$top", _DEFAULT_TOP, least=1) or _DEFAULT_TOP
    return rows[:top], wire_time(_known(rows[top], field)) if len(rows) > top else None


def moment(build: Build, field: str) -> datetime | None:
    """The time of a build that an order or a time filter means."""
    return {"queueTime": build.queued, "startTime": build.started, "finishTime": build.finished}[field]


def _tests(org: Organization, call: Call) -> list[Test]:
    query, tests = call.query, list[Test]()
    if ids := _numbers(call, "definitions"):
        tests.append(lambda row: row.pipeline_id in ids)
    if wanted := _numbers(call, "buildIds"):
        tests.append(lambda row: row.id in wanted)
    if queues := _numbers(call, "queues"):
        tests.append(lambda _: 1 in queues)
    if number := query.get("buildnumber"):
        tests.append(_number_test(number))
    if person := query.get("requestedfor"):
        tests.append(lambda row: _is_person(org, row, person))
    if branch := query.get("branchname"):
        tests.append(lambda row: row.ref.casefold() in (branch.casefold(), f"refs/heads/{branch}".casefold()))
    if tags := [tag.casefold() for tag in comma_list(query.get("tagfilters"))]:
        tests.append(lambda row: set(tags) <= {tag.casefold() for tag in row.tags})
    if repository := query.get("repositoryid"):
        tests.append(lambda row: _repository(org, row) == repository.casefold())
    if kind := query.get("repositorytype"):
        tests.append(lambda _: kind.casefold() == "tfsgit")
    return [*tests, *_enum_tests(call)]


def _enum_tests(call: Call) -> list[Test]:
    query, tests = call.query, list[Test]()
    statuses = chosen_flags(query.get("statusfilter"), STATUSES, name="statusFilter", numbers=STATUS_BITS)
    if statuses and "all" not in statuses:
        tests.append(lambda row: row.status in statuses)
    results = chosen_flags(query.get("resultfilter"), RESULTS, name="resultFilter", numbers=RESULT_BITS)
    if results:
        tests.append(lambda row: (row.result or "none") in results)
    reasons = chosen_flags(query.get("reasonfilter"), REASONS, name="reasonFilter", numbers=REASON_BITS)
    if reasons and "all" not in reasons:
        tests.append(lambda row: row.reason in reasons or ("triggered" in reasons and row.reason != "manual"))
    return tests


def _times(call: Call, field: str) -> list[Test]:
    """`minTime` and `maxTime` mean the field that the order names."""
    least, most = call.moment("minTime"), call.moment("maxTime")
    tests = list[Test]()
    if least:
        tests.append(lambda row: (moment(row, field) or least) >= least if moment(row, field) else False)
    if most:
        tests.append(lambda row: (moment(row, field) or most) <= most if moment(row, field) else False)
    return tests


def _sorted(rows: list[Build], field: str, *, descending: bool) -> list[Build]:
    """By time, then id; a build that has no such time yet counts as later than all others."""
    return sorted(rows, key=lambda row: (_known(row, field), row.id), reverse=descending)


def _after_token(rows: list[Build], call: Call, field: str, *, descending: bool) -> list[Build]:
    token = call.query.get("continuationtoken")
    if not token:
        return rows
    try:
        limit = parse_time(token)
    except ValueError as error:
        raise bad_request(f"The continuation token '{token}' is not valid.") from error
    times = [(row, _known(row, field)) for row in rows]
    return [row for row, time in times if (time <= limit if descending else time >= limit)]


def _known(row: Build, field: str) -> datetime:
    return moment(row, field) or _LATEST


def _capped(rows: list[Build], call: Call) -> list[Build]:
    most = call.number("maxBuildsPerDefinition")
    if not most:
        return rows
    counts: dict[int, int] = {}
    kept = []
    for row in rows:
        counts[row.pipeline_id] = counts.get(row.pipeline_id, 0) + 1
        if counts[row.pipeline_id] <= most:
            kept.append(row)
    return kept


def _number_test(wanted: str) -> Test:
    """Exact, or a prefix with ``*`` at the end; any case."""
    text = wanted.casefold()
    if text.endswith("*"):
        return lambda row: row.number.casefold().startswith(text[:-1])
    return lambda row: row.number.casefold() == text


def _numbers(call: Call, name: str) -> set[int]:
    parts = comma_list(call.query.get(name.casefold()))
    if not all(part.isdigit() for part in parts):
        raise bad_request(f"The query parameter '{name}' must be a list of numbers.")
    return {int(part) for part in parts}


def _is_person(org: Organization, row: Build, text: str) -> bool:
    person = org.identities.find(text)
    return person is not None and row.requested_by == person.id


def _repository(org: Organization, row: Build) -> str:
    return org.pipeline(row.pipeline_id).repository_id
