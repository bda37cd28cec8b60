"""Faults on demand, and the request counter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.contract.azure_devops_server.conftest import Site

RUNS = "/_apis/pipelines/\\d+/runs"


@pytest.fixture(autouse=True)
def no_faults_left(site: Site) -> Any:
    yield
    site.control("DELETE", "_faults")
    site.control("DELETE", "_requests")


def put(site: Site, **fault: Any) -> None:
    site.control("PUT", "_faults", json=[fault])


def post_run(site: Site, request_id: str) -> requests.Response:
    body = {"templateParameters": {"requestId": request_id}}
    return site.send("POST", f"pipelines/{site.pipeline('quick')}/runs", json=body)


def builds_named(site: Site, request_id: str) -> int:
    return site.ok("GET", f"build/builds?buildNumber={request_id}-*")["count"]


def test_drop_after__closes_without_an_answer_but_the_run_exists(site: Site) -> None:
    put(site, fault="drop_after", method="POST", route=RUNS)
    with pytest.raises(requests.ConnectionError):
        post_run(site, "dropped")
    assert builds_named(site, "dropped") == 1
    assert site.control("GET", "_faults")["count"] == 0
    assert post_run(site, "fine").status_code == 200


def test_drop_before__closes_without_an_answer_and_nothing_happened(site: Site) -> None:
    put(site, fault="drop_before", method="POST", route=RUNS)
    with pytest.raises(requests.ConnectionError):
        post_run(site, "never")
    assert builds_named(site, "never") == 0


def test_drop_after__many_at_once__each_creates_exactly_one_run(site: Site) -> None:
    put(site, fault="drop_after", method="POST", route=RUNS, times=20)
    number = site.pipeline("quick")

    def one(position: int) -> bool:
        body = {"templateParameters": {"requestId": f"many{position}"}}
        try:
            url = f"{site.url}/ml-platform/_apis/pipelines/{number}/runs"
            requests.post(url, json=body, auth=("", "any"), timeout=30)
        except requests.ConnectionError:
            return True
        return False

    with ThreadPoolExecutor(5) as pool:
        assert all(pool.map(one, range(20)))
    assert [builds_named(site, f"many{position}") for position in range(20)] == [1] * 20
    seen = site.control("GET", f"_requests?method=POST&route={quote(RUNS)}")
    assert seen["count"] == 20
    assert {row["fault"] for row in seen["value"]} == {"drop_after"}


def test_times_and_skip__say_which_requests_fail(site: Site) -> None:
    put(site, fault="not_found", route="/_apis/build/builds", times=2, skip=1)
    assert [site.send("GET", "build/builds").status_code for _ in range(5)] == [200, 404, 404, 200, 200]
    put(site, fault="forbidden", route="/_apis/build/builds", times=None)
    assert {site.send("GET", "build/builds").status_code for _ in range(4)} == {403}


@pytest.mark.parametrize(
    ("fault", "status", "kind", "text"),
    [
        ("throttle", 429, "application/json", "TF400733: The request has been canceled: Request was blocked"),
        ("unavailable", 503, "application/json", "TF24668"),
        ("sign_in_html", 203, "text/html", "<html"),
        ("redirect", 302, "text/html", "Object moved"),
        ("unauthorized_empty", 401, "text/plain", ""),
        ("unauthorized_expired", 401, "application/json", "The Personal Access Token used has expired."),
        ("unauthorized_user", 401, "application/json", "TF400813"),
        ("unauthorized_list", 401, "application/json", '"count":0'),
        ("forbidden", 403, "application/json", "TF401027"),
        ("not_found", 404, "application/json", "VssResourceNotFoundException"),
        ("not_found_text", 404, "text/plain", "The controller for path"),
        ("server_error", 500, "text/plain", "Internal Server Error"),
        ("bad_gateway_html", 502, "text/html", "<html"),
    ],
)
def test_each_replacement__has_its_status_type_and_text(
    site: Site, fault: str, status: int, kind: str, text: str
) -> None:
    put(site, fault=fault, method="POST", route=RUNS, retry_after=7)
    before = site.ok("GET", "build/builds")["count"]
    answer = post_run(site, "refused")
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith(kind)
    assert text in answer.content.decode("utf-8-sig")
    assert site.ok("GET", "build/builds")["count"] == before
    if fault == "throttle":
        assert answer.headers["Retry-After"] == "7"
        for name in ("Resource", "Delay", "Limit", "Remaining", "Reset"):
            assert answer.headers[f"X-RateLimit-{name}"]
    if fault == "unavailable":
        assert answer.content.startswith(b"\xef\xbb\xbf{")
        assert "Retry-After" not in answer.headers


def test_slow_down__is_a_success_with_retry_after(site: Site) -> None:
    put(site, fault="slow_down", route="/_apis/build/builds", retry_after=3)
    answer = site.send("GET", "build/builds")
    assert (answer.status_code, answer.headers["Retry-After"]) == (200, "3")
    assert answer.json()["value"] is not None


@pytest.mark.parametrize("fault", ["truncated_json", "invalid_json"])
def test_broken_json__is_a_success_that_cannot_be_read(site: Site, fault: str) -> None:
    put(site, fault=fault, route="/_apis/build/builds")
    answer = site.send("GET", "build/builds")
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_delay__is_longer_than_an_impatient_client_waits(site: Site) -> None:
    put(site, fault="delay", method="POST", route=RUNS, seconds=1.0)
    body = {"templateParameters": {"requestId": "late"}}
    url = f"{site.url}/ml-platform/_apis/pipelines/{site.pipeline('quick')}/runs"
    with pytest.raises(requests.Timeout):
        requests.post(url, json=body, auth=("", "any"), timeout=0.2)
    from tests.contract.azure_devops_server.conftest import wait_for

    assert wait_for(lambda: builds_named(site, "late")) == 1


@pytest.mark.parametrize(
    "faults",
    [{}, [1], [{"fault": "meteor"}], [{"fault": "delay", "route": "("}], [{"fault": "delay", "colour": "red"}]],
)
def test_unusable_faults__400(site: Site, faults: Any) -> None:
    answer = site.session.put(f"{site.server.address}/_faults", json=faults, timeout=10)
    assert answer.status_code == 400
