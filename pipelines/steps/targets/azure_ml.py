"""Azure ML online endpoints through the Azure ML SDK (`pip install azure-ai-ml azure-identity`).

Each version is a deployment `version-N` of the endpoint, made from the MLflow model of that name and version in the
workspace's registry; Azure builds its environment, no scoring script is needed. Once the deployment stands, all traffic
goes to it. The one that answered before stays without traffic, so that the way back takes seconds; older ones are
removed, as each costs its machine. Azure tells no digest of the files: the one that the deployment was given is kept as
its tag.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import StepError

from targets.base import Records, Scores, Served, Wanted, Watch

DIGEST, PREVIOUS = "countersign-digest", "countersign-previous"
READ_SECONDS, CONNECT_SECONDS, RETRIES = 60, 10, 3
ENDED_BADLY = {"Failed", "Canceled"}


@dataclass(frozen=True)
class Workspace:
    """Where the endpoints are."""

    subscription: str
    resource_group: str
    name: str

    @property
    def missing(self) -> list[str]:
        """Options that were not given."""
        given = {
            "--subscription": self.subscription,
            "--resource-group": self.resource_group,
            "--workspace": self.name,
        }
        return [option for option, value in given.items() if not value]


def open_azure_ml(place: Workspace, *, instance_type: str) -> AzureMl:
    """A client with the credentials of the environment. Raises StepError if the SDK or an option is missing."""
    if place.missing:
        raise StepError(f"The target azureml needs {', '.join(place.missing)}.")
    logging.getLogger("azure").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the SDK's own imports are deprecated in places
            from azure.ai.ml import MLClient
            from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise StepError("The target azureml needs the Azure ML SDK: pip install azure-ai-ml azure-identity") from error
    _silence_dots()
    client = MLClient(
        DefaultAzureCredential(), place.subscription, place.resource_group, place.name,
        enable_telemetry=False, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retry_total=RETRIES,
    )  # fmt: skip
    return AzureMl(client, instance_type)


class AzureMl:
    """See `Target`. The SDK's pollers are not used to wait: they show no progress and know no deadline of ours."""

    def __init__(self, client: Any, instance_type: str) -> None:
        self._endpoints = client.online_endpoints
        self._deployments = client.online_deployments
        self._instance_type = instance_type

    def deploy(self, endpoint: str, wanted: Wanted, watch: Watch) -> Served:
        """See `Target`."""
        with explained(f"the deployment to {endpoint}"):
            found = self._ensure(endpoint, wanted, watch)
            name = deployment_of(wanted.version)
            self._stand(endpoint, name, wanted, watch)
            self._turn(endpoint, name, before=_live(found), watch=watch)
            self._tidy(endpoint)
        return watch.until(lambda: self._arrived(endpoint, wanted), f"Endpoint {endpoint}")

    def look(self, endpoint: str) -> Served | None:
        """See `Target`."""
        with explained(f"the endpoint {endpoint}"):
            found = self._get(endpoint)
            if found is None:
                return None
            live = _live(found)
            deployment = self._deployment(endpoint, live) if live else None
        return _served(found, deployment)

    def score(self, endpoint: str, records: Records) -> Scores:
        """See `Target`."""
        rows = {"columns": records.columns, "index": list(range(len(records.data))), "data": records.data}
        with tempfile.TemporaryDirectory() as folder, explained(f"the endpoint {endpoint}"):
            file = Path(folder) / "records.json"
            file.write_text(json.dumps({"input_data": rows}), encoding="utf-8")
            answer = json.loads(self._endpoints.invoke(endpoint_name=endpoint, request_file=str(file)))
        predictions = answer["predictions"] if isinstance(answer, dict) else answer
        return Scores(list(predictions))

    def remove(self, endpoint: str) -> None:
        """See `Target`. Azure goes on removing after the answer."""
        with explained(f"the removal of {endpoint}"):
            if self._get(endpoint) is not None:
                self._endpoints.begin_delete(name=endpoint)

    def _ensure(self, endpoint: str, wanted: Wanted, watch: Watch) -> Any:
        """The endpoint, made where there is none, once it takes orders."""
        from azure.ai.ml.entities import ManagedOnlineEndpoint

        if self._get(endpoint) is None:
            tags = {"environment": wanted.environment}
            made = ManagedOnlineEndpoint(name=endpoint, auth_mode="key", tags=tags)
            self._endpoints.begin_create_or_update(made)
        return watch.until(lambda: _settled(self._get(endpoint), f"The endpoint {endpoint}"), f"Endpoint {endpoint}")

    def _stand(self, endpoint: str, name: str, wanted: Wanted, watch: Watch) -> None:
        """Let the deployment of the version stand; one that stands is kept."""
        from azure.ai.ml.entities import ManagedOnlineDeployment

        known = self._deployment(endpoint, name)
        if known is None or _state_of(known) in ENDED_BADLY:
            tags = {DIGEST: wanted.digest} if wanted.digest else {}
            made = ManagedOnlineDeployment(
                name=name, endpoint_name=endpoint, model=f"azureml:{wanted.model}:{wanted.version}",
                instance_type=self._instance_type, instance_count=1, tags=tags,
            )  # fmt: skip
            self._deployments.begin_create_or_update(made)
        what = f"Deployment {name}"
        watch.until(lambda: _settled(self._deployment(endpoint, name), what), what)

    def _turn(self, endpoint: str, name: str, *, before: str | None, watch: Watch) -> None:
        """All traffic to one deployment."""
        if before == name:
            return
        found = self._get(endpoint)
        found.traffic = {name: 100}
        found.tags = {**(found.tags or {}), **({PREVIOUS: version_of(before)} if before else {})}
        self._endpoints.begin_create_or_update(found)
        watch.until(lambda: self._turned(endpoint, name), f"Traffic to {name}")

    def _turned(self, endpoint: str, name: str) -> bool | None:
        found = _settled(self._get(endpoint), f"The endpoint {endpoint}")
        return True if found is not None and _live(found) == name else None

    def _tidy(self, endpoint: str) -> None:
        """Remove deployments that are neither live nor the way back; those of other names are somebody else's."""
        found = self._get(endpoint)
        keep = {_live(found), deployment_of((found.tags or {}).get(PREVIOUS, ""))}
        for deployment in self._deployments.list(endpoint_name=endpoint):
            if deployment.name not in keep and version_of(deployment.name):
                self._deployments.begin_delete(name=deployment.name, endpoint_name=endpoint)

    def _arrived(self, endpoint: str, wanted: Wanted) -> Served | None:
        found = self.look(endpoint)
        return found if found is not None and found.serves(wanted.model, wanted.version) else None

    def _get(self, endpoint: str) -> Any:
        return _or_none(lambda: self._endpoints.get(name=endpoint))

    def _deployment(self, endpoint: str, name: str) -> Any:
        return _or_none(lambda: self._deployments.get(name=name, endpoint_name=endpoint))


def _silence_dots() -> None:
    """The SDK's pollers print dots without an end of line, before which Azure DevOps reads no command of ours."""
    with suppress(ImportError):
        from azure.ai.ml._utils import _azureml_polling

        _azureml_polling.print = lambda *_, **__: None


def deployment_of(version: str) -> str:
    """The name of a version's deployment: 3 to 32 letters, digits and hyphens."""
    return f"version-{version}"


def version_of(deployment: str | None) -> str:
    """The version of a deployment of ours; empty for another's."""
    found = re.fullmatch(r"version-(\d+)", deployment or "")
    return found[1] if found else ""


@contextmanager
def explained(about: str) -> Iterator[None]:
    """Turn the SDK's errors into one line."""
    from azure.ai.ml.exceptions import MlException
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, MlException, ValueError) as error:
        text = " ".join(str(error).split())
        raise StepError(f"Azure ML refuses {about}: {text[:600]}") from error


def _or_none(read: Callable[[], Any]) -> Any:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return read()
    except ResourceNotFoundError:
        return None


def _settled(found: Any, what: str) -> Any:
    """What was made, once Azure is done with it. Raises StepError if it ended badly."""
    if found is None:
        return None
    if _state_of(found) in ENDED_BADLY:
        raise StepError(f"{what} ended {_state_of(found)}. Look at its logs in Azure ML studio.")
    return found if _state_of(found) == "Succeeded" else None


def _state_of(found: Any) -> str:
    """The provisioning state; the SDK gives a text or an enumeration's member."""
    return str(getattr(found.provisioning_state, "value", found.provisioning_state))


def _live(found: Any) -> str | None:
    """The deployment that all traffic goes to."""
    return next((name for name, share in (found.traffic or {}).items() if share == 100), None)


def _served(found: Any, deployment: Any) -> Served:
    model, version = _model_of(deployment)
    is_ready = _state_of(found) == "Succeeded" and version is not None
    state = "failed" if _state_of(found) in ENDED_BADLY else "ready" if is_ready else "deploying"
    tags = (deployment.tags or {}) if deployment is not None else {}
    return Served(
        url=found.scoring_uri or "",
        state=state,
        wanted_version=version,
        model=model,
        version=version,
        digest=tags.get(DIGEST) or None,
        previous_version=(found.tags or {}).get(PREVIOUS) or None,
        detail=f"The endpoint is {_state_of(found)}.",
    )


def _model_of(deployment: Any) -> tuple[str | None, str | None]:
    """Name and version from the identifier of the deployment's model."""
    model_id = str(getattr(deployment, "model", "") or "")
    found = re.search(r"(?:/models/|azureml:)([^/:]+)(?:/versions/|:)([^/:]+)$", model_id)
    return (found[1], found[2]) if found else (None, None)
