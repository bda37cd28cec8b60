"""MLflow scoring servers behind a small host over HTTP: `PUT|GET|DELETE {url}/endpoints/NAME`, `POST …/invocations`.

A body and the answers are described in `demo/serving/__main__.py`; any host that answers the same will do.
"""

from __future__ import annotations

from typing import Any

import requests
from common import SECONDS, StepError

from targets.base import Records, Scores, Served, State, Wanted, Watch

SCORE_SECONDS = 60
STATES: dict[str, State] = {"ready": "ready", "failed": "failed"}


class MlflowHost:
    """See `Target`. The host loads the files itself and tells their digest."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def deploy(self, endpoint: str, wanted: Wanted, watch: Watch) -> Served:
        """See `Target`."""
        body = {"environment": wanted.environment, "model": wanted.model, "version": wanted.version}
        answer = requests.put(self._address(endpoint), json=body, timeout=SECONDS)
        if not answer.ok:
            raise StepError(f"The serving host refuses the deployment: {answer.status_code} {answer.text[:300]}")
        return watch.until(lambda: self._arrived(endpoint, wanted), f"Endpoint {endpoint}")

    def look(self, endpoint: str) -> Served | None:
        """See `Target`."""
        answer = requests.get(self._address(endpoint), timeout=SECONDS)
        if answer.status_code == requests.codes.not_found:
            return None
        if not answer.ok:
            raise StepError(f"The serving host answers {answer.status_code}: {answer.text[:300]}")
        found = answer.json()
        return Served(
            url=f"{self._address(endpoint)}/invocations",
            state=STATES.get(found.get("state", ""), "deploying"),
            wanted_version=found.get("wanted_version"),
            model=found.get("model"),
            version=found.get("version"),
            digest=found.get("digest"),
            digest_is_of_loaded_files=bool(found.get("digest")),
            previous_version=found.get("previous_version"),
            detail=found.get("error", ""),
        )

    def score(self, endpoint: str, records: Records) -> Scores:
        """See `Target`."""
        body = {"dataframe_split": {"columns": records.columns, "data": records.data}}
        answer = requests.post(f"{self._address(endpoint)}/invocations", json=body, timeout=SCORE_SECONDS)
        if not answer.ok:
            raise StepError(f"The endpoint answers {answer.status_code}: {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        version = found.get("model_version")
        return Scores(list(found.get("predictions", [])), str(version) if version is not None else None)

    def remove(self, endpoint: str) -> None:
        """See `Target`."""
        answer = requests.delete(self._address(endpoint), timeout=SECONDS)
        if not answer.ok and answer.status_code != requests.codes.not_found:
            raise StepError(f"The serving host does not remove {endpoint}: {answer.status_code} {answer.text[:300]}")

    def _arrived(self, endpoint: str, wanted: Wanted) -> Served | None:
        found = self.look(endpoint)
        if found is None or found.wanted_version != wanted.version:
            raise StepError(f"Another deployment to {endpoint} came in between, or it was removed. Start again.")
        if found.state == "failed":
            raise StepError(f"The deployment failed: {found.detail or 'no reason given'}")
        return found if found.serves(wanted.model, wanted.version) else None

    def _address(self, endpoint: str) -> str:
        return f"{self._url}/endpoints/{requests.utils.quote(endpoint, safe='')}"
