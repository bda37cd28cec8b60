"""The api-version that a request asks for."""

from __future__ import annotations

import re

from azure_devops_server.http.errors import bad_request, version_out_of_range

_FORM = re.compile(r"(\d{1,3})\.(\d{1,3})(-preview(\.\d{1,3})?)?")
_LATEST = (7, 2)


def check_version(version: str | None) -> None:
    """Refuse a version that is none, or later than any; none gets the latest, as on the service."""
    if version is None:
        return
    found = _FORM.fullmatch(version)
    if found is None:
        raise bad_request(
            f'Invalid api version string: "{version}". Api version string must be in the following format: '
            "{Major}.{Minor}[-preview[.{ResourceVersion}]]."
        )
    if (int(found[1]), int(found[2])) > _LATEST:
        raise version_out_of_range(version, f"{_LATEST[0]}.{_LATEST[1]}")
