"""What every answer has: locations, headers, versions, errors, who is asking."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
import requests

from tests.contract.azure_devops_server.conftest import PROJECT, Site, open_site

SEVEN_DIGITS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")


@pytest.mark.parametrize(
    "path",
    ["/demo/_apis", "/DEMO/_apis", "/demo/_apis?allHostTypes=True", "/demo/_apis/", "/_apis", "/vsrm/demo/_apis"],
)
def test_options__all_forms__list_locations(site: Site, path: str) -> None:
    answer = site.session.options(site.server.address + path, timeout=10)
    document = answer.json()
    assert document["count"] == len(document["value"]) > 5
    row = document["value"][0]
    assert set(row) == {
        "id", "area", "resourceName", "routeTemplate", "resourceVersion", "minVersion", "maxVersion", "releasedVersion",
    }  # fmt: skip
    assert isinstance(row["minVersion"], str)
    assert isinstance(row["resourceVersion"], int)


@pytest.mark.parametrize("area", ["Location", "build", "BUILD", "pipelines", "distributedtask"])
def test_options__one_area__lists_that_area_only(site: Site, area: str) -> None:
    rows = site.session.options(f"{site.url}/_apis/{area}", timeout=10).json()["value"]
    assert rows
    assert {row["area"].casefold() for row in rows} == {area.casefold()}


def test_options__main_host__has_no_release_rows_but_the_release_host_has(site: Site) -> None:
    main = site.session.options(f"{site.url}/_apis", timeout=10).json()["value"]
    release = site.session.options(f"{site.server.address}/vsrm/demo/_apis", timeout=10).json()["value"]
    assert "Release" not in {row["area"] for row in main}
    assert {"Release", "Location"} == {row["area"] for row in release}


def test_resource_areas__services__lead_to_the_release_host(site: Site) -> None:
    rows = site.session.get(f"{site.url}/_apis/ResourceAreas", timeout=10).json()["value"]
    areas = {row["id"]: row for row in rows}
    assert areas["efc2f575-36ef-48e9-b672-0c6fb4a48ac5"]["locationUrl"] == f"{site.server.address}/vsrm/demo/"
    assert areas["965220d5-5bb9-42cf-8d67-9b146df2a5a4"]["locationUrl"] == f"{site.url}/"
    assert "5264459e-e5e0-4bd8-b118-0985e68a4ec5" in areas


def test_on_premises__collection__serves_releases_on_the_same_host_and_no_areas(tmp_path: Path) -> None:
    with open_site(tmp_path, organization="tfs/DefaultCollection", on_premises=True) as server:
        site = Site(server)
        assert site.url.endswith("/tfs/DefaultCollection")
        assert site.session.get(f"{site.url}/_apis/ResourceAreas", timeout=10).json() == {"count": 0, "value": []}
        rows = site.session.options(f"{site.url}/_apis", timeout=10).json()["value"]
        assert "Release" in {row["area"] for row in rows}
        assert site.ok("GET", "Release/releases")["count"] == 0


def test_routes__any_case_and_guid__lead_to_the_same_thing(site: Site) -> None:
    one = site.session.get(f"{site.url}/{PROJECT}/_apis/Pipelines", timeout=10).json()
    two = site.session.get(f"{site.url.upper().replace('HTTP', 'http')}/{PROJECT.upper()}/_APIS/pipelines", timeout=10)
    three = site.session.get(f"{site.url}/{site.project_id}/_apis/pipelines", timeout=10)
    assert one == two.json() == three.json()


def test_headers__success__are_those_of_the_service(site: Site) -> None:
    session = "7f0f7a8e-98e8-4b18-a1b5-4f57c6fce1b4"
    answer = site.send("GET", "build/builds", headers={"X-TFS-Session": session})
    assert answer.headers["X-TFS-Session"] == session
    assert answer.headers["ActivityId"]
    assert answer.headers["X-VSS-E2EID"]
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("way", ["header", "query"])
def test_api_version__by_header_or_query__is_echoed(site: Site, way: str) -> None:
    if way == "header":
        answer = site.send("GET", "pipelines", headers={"Accept": "application/json;api-version=7.1-preview.1"})
    else:
        answer = site.send("GET", "pipelines?api-version=7.1-preview.1")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8; api-version=7.1-preview.1"


def test_connection_data__names_the_authenticated_user(site: Site) -> None:
    document = site.session.get(f"{site.url}/_apis/connectionData", timeout=10).json()
    assert document["authenticatedUser"]["providerDisplayName"] == "Demo Administrator"
    assert document["authenticatedUser"]["id"]


def test_projects__list_and_get__by_name_and_id(site: Site) -> None:
    listed = site.session.get(f"{site.url}/_apis/projects", timeout=10).json()["value"]
    assert [row["name"] for row in listed] == [PROJECT]
    by_name = site.session.get(f"{site.url}/_apis/projects/{PROJECT}", timeout=10).json()
    by_id = site.session.get(f"{site.url}/_apis/projects/{site.project_id}", timeout=10).json()
    assert by_name == by_id
    assert SEVEN_DIGITS.fullmatch(by_name["lastUpdateTime"])


def test_unknown_project__404__with_the_recorded_body(site: Site) -> None:
    answer = site.session.get(f"{site.url}/nowhere/_apis/pipelines", timeout=10)
    assert answer.status_code == 404
    assert list(answer.json()) == ["$id", "innerException", "message", "typeName", "typeKey", "errorCode", "eventId"]
    assert answer.json() == {
        "$id": "1",
        "innerException": None,
        "message": "TF200016: The following project does not exist: nowhere. Verify that the name of the project is "
        "correct and that the project exists on the specified Azure DevOps Server.",
        "typeName": "Microsoft.TeamFoundation.Core.WebApi.ProjectDoesNotExistWithNameException, "
        "Microsoft.TeamFoundation.Core.WebApi",
        "typeKey": "ProjectDoesNotExistWithNameException",
        "errorCode": 0,
        "eventId": 3000,
    }
    assert answer.headers["x-tfs-serviceerror"].startswith("TF200016%3A%20The%20following")


def test_unknown_build__404__with_the_recorded_body(site: Site) -> None:
    answer = site.send("GET", "build/builds/139106")
    assert answer.status_code == 404
    assert answer.json()["message"] == "The requested build 139106 could not be found."
    assert answer.json()["typeKey"] == "BuildNotFoundException"


def test_wrong_url__404__plain_text_of_the_controller(site: Site) -> None:
    answer = site.send("GET", "nothing/here")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.startswith("The controller for path '/ml-platform/_apis/nothing/here' was not found")


def test_wrong_method__405__says_so(site: Site) -> None:
    answer = site.send("DELETE", "pipelines")
    assert answer.status_code == 405
    assert "does not support http method 'DELETE'" in answer.json()["value"]["Message"]


def test_body__that_is_no_json__400(site: Site) -> None:
    answer = site.send("POST", "pipelines", data=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["message"]


def test_no_credentials__401__empty_with_a_challenge(site: Site) -> None:
    answer = requests.get(f"{site.url}/{PROJECT}/_apis/pipelines", timeout=10)
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("user", ["", "PAT", "someone"])
def test_demanded_token__any_user_name__is_let_in(tmp_path: Path, user: str) -> None:
    with open_site(tmp_path, token="right") as server:
        url = f"{server.url}/{PROJECT}/_apis/pipelines"
        assert requests.get(url, auth=(user, "right"), timeout=10).status_code == 200
        assert requests.get(url, headers={"Authorization": "Bearer right"}, timeout=10).status_code == 200


def test_demanded_token__wrong__gets_the_sign_in_page_or_401_on_patch(tmp_path: Path) -> None:
    with open_site(tmp_path, token="right") as server:
        url = f"{server.url}/{PROJECT}/_apis/build/builds/1"
        page = requests.get(url, auth=("", "wrong"), timeout=10)
        assert page.status_code == 203
        assert page.headers["Content-Type"].startswith("text/html")
        bearer = {"Authorization": "Bearer expired"}
        refused = requests.patch(url, headers=bearer, json={"status": "cancelling"}, timeout=10)
        assert refused.status_code == 401
        assert refused.json()["typeKey"] == "UnauthorizedRequestException"
        assert requests.get(f"{server.url}/{PROJECT}", timeout=10).status_code == 401


def test_malformed_basic__401(site: Site) -> None:
    for value in ("Basic !!!", "Basic " + base64.b64encode(b"no-colon").decode(), "Digest x"):
        answer = requests.get(f"{site.url}/_apis/projects", headers={"Authorization": value}, timeout=10)
        assert answer.status_code == 401


def test_foreign_host_name__is_refused(site: Site) -> None:
    answer = site.session.get(f"{site.url}/_apis/projects", headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 421
    control = site.session.get(f"{site.server.address}/_faults", headers={"Host": "evil.example"}, timeout=10)
    assert control.status_code == 421


def test_names__with_spaces_and_umlauts__work(tmp_path: Path) -> None:
    with open_site(tmp_path) as server:
        server.organization.create_project("Mein Projekt Größe")
        site = Site(server)
        found = site.session.get(f"{site.url}/Mein%20Projekt%20Gr%C3%B6%C3%9Fe/_apis/pipelines", timeout=10)
        assert found.json() == {"count": 0, "value": []}
        made = site.session.post(
            f"{site.url}/Mein%20Projekt%20Gr%C3%B6%C3%9Fe/_apis/distributedtask/environments",
            json={"name": "Prüfung ä"},
            timeout=10,
        )
        assert made.json()["name"] == "Prüfung ä"


@pytest.mark.parametrize("body", ["[" * 5000, '{"name": "\\ud800"}', "[1]", '{"name": 1e400', "1", '"x"', "null"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "pipelines/1/runs"),
        ("POST", "git/repositories"),
        ("PATCH", "pipelines/approvals"),
        ("POST", "pipelines/checks/queryconfigurations"),
        ("POST", "test/Runs"),
    ],
)
def test_body__of_an_unusable_kind__400_and_never_500(site: Site, method: str, path: str, body: str) -> None:
    answer = site.send(method, path, data=body.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert "message" in answer.json()


def test_time__outside_of_the_calendar__400(site: Site) -> None:
    assert site.send("GET", "build/builds?minTime=9999-12-31T23:59:59-12:00").status_code == 400
