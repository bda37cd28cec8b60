"""Databricks Model Serving through the Databricks SDK (`pip install databricks-sdk`), API 2.0 /serving-endpoints.

Databricks loads the files itself and tells the version, not a digest: the digest that the deployment was given is kept
in a tag of the endpoint with its version, the version that answered before in another, for a way back.
"""

from __future__ import annotations

import re
from typing import Any

from common import StepError

from targets.base import Records, Scores, Served, Wanted, Watch

DIGEST, PREVIOUS = "countersign-digest", "countersign-previous"
HTTP_SECONDS, RETRY_SECONDS = 60, 120


def open_databricks(*, workload_size: str) -> DatabricksServing:
    """A client with the credentials of the environment. Raises StepError if the SDK or they are missing."""
    try:
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.config import Config
    except ImportError as error:
        raise StepError("The target databricks needs the Databricks SDK: pip install databricks-sdk") from error
    try:
        config = Config(http_timeout_seconds=HTTP_SECONDS, retry_timeout_seconds=RETRY_SECONDS)
        return DatabricksServing(WorkspaceClient(config=config), workload_size)
    except ValueError as error:
        raise StepError(
            f"No way to sign in to Databricks. Set DATABRICKS_HOST and DATABRICKS_TOKEN. {error}"
        ) from error


class DatabricksServing:
    """See `Target`. Each call of the SDK has its own time-out; the SDK waits out 429 and 503 by itself."""

    def __init__(self, client: Any, workload_size: str) -> None:
        self._client = client
        self._api = client.serving_endpoints
        self._size = workload_size

    def deploy(self, endpoint: str, wanted: Wanted, watch: Watch) -> Served:
        """See `Target`. Raises StepError if Databricks refuses, or another update is under way."""
        from databricks.sdk.errors import DatabricksError

        found = self.look(endpoint)
        try:
            if found is None:
                self._create(endpoint, wanted)
            else:
                self._update(endpoint, wanted, found)
        except DatabricksError as error:
            raise StepError(f"Databricks refuses the deployment to {endpoint}: {error}") from error
        return watch.until(lambda: self._arrived(endpoint, wanted), f"Endpoint {endpoint}")

    def look(self, endpoint: str) -> Served | None:
        """See `Target`."""
        from databricks.sdk.errors import DatabricksError, NotFound

        try:
            found = self._api.get(endpoint)
        except NotFound:
            return None
        except DatabricksError as error:
            raise StepError(f"Databricks does not tell the state of {endpoint}: {error}") from error
        return self._served(endpoint, found)

    def score(self, endpoint: str, records: Records) -> Scores:
        """See `Target`."""
        from databricks.sdk.errors import DatabricksError
        from databricks.sdk.service.serving import DataframeSplitInput

        rows = DataframeSplitInput(columns=records.columns, data=records.data)
        try:
            answer = self._api.query(endpoint, dataframe_split=rows)
        except DatabricksError as error:
            raise StepError(f"The endpoint {endpoint} does not score: {error}") from error
        version = re.search(r"-v(\d+)$", answer.served_model_name or "")
        return Scores(list(answer.predictions or []), version[1] if version else None)

    def remove(self, endpoint: str) -> None:
        """See `Target`."""
        from databricks.sdk.errors import DatabricksError, NotFound

        try:
            self._api.delete(endpoint)
        except NotFound:
            return
        except DatabricksError as error:
            raise StepError(f"Databricks does not remove {endpoint}: {error}") from error

    def _create(self, endpoint: str, wanted: Wanted) -> None:
        from databricks.sdk.service.serving import EndpointCoreConfigInput

        entity, traffic = self._config(wanted)
        config = EndpointCoreConfigInput(name=endpoint, served_entities=[entity], traffic_config=traffic)
        self._api.create(endpoint, config=config, tags=_tags({DIGEST: _kept(wanted)}))

    def _update(self, endpoint: str, wanted: Wanted, found: Served) -> None:
        if found.state == "deploying" and found.wanted_version != wanted.version:
            raise StepError(f"An update to v{found.wanted_version} of {endpoint} is under way. Start again after it.")
        values = {DIGEST: _kept(wanted)}
        if found.version not in {None, wanted.version}:
            values[PREVIOUS] = str(found.version)
        self._api.patch(endpoint, add_tags=_tags(values))
        if not (found.state == "deploying" or found.serves(wanted.model, wanted.version)):
            entity, traffic = self._config(wanted)
            self._api.update_config(endpoint, served_entities=[entity], traffic_config=traffic)

    def _config(self, wanted: Wanted) -> tuple[Any, Any]:
        from databricks.sdk.service.serving import Route, ServedEntityInput, TrafficConfig

        name = f"{re.sub(r'[^A-Za-z0-9-]', '-', wanted.model)[-40:]}-v{wanted.version}"
        entity = ServedEntityInput(
            name=name, entity_name=wanted.model, entity_version=wanted.version,
            workload_size=self._size, scale_to_zero_enabled=wanted.environment != "production",
        )  # fmt: skip
        return entity, TrafficConfig(routes=[Route(served_model_name=name, traffic_percentage=100)])

    def _arrived(self, endpoint: str, wanted: Wanted) -> Served | None:
        found = self.look(endpoint)
        if found is None:
            raise StepError(f"The endpoint {endpoint} was removed meanwhile. Start again.")
        if found.state == "failed":
            raise StepError(f"The deployment failed: {found.detail or 'Databricks gives no reason'}")
        if found.state == "ready" and found.version != wanted.version:
            raise StepError(f"Another update of {endpoint}, to v{found.version}, came in between. Start again.")
        return found if found.serves(wanted.model, wanted.version) else None

    def _served(self, endpoint: str, found: Any) -> Served:
        active, pending = _entity(found.config), _entity(found.pending_config)
        update = found.state.config_update.value if found.state and found.state.config_update else "NOT_UPDATING"
        is_ready = bool(found.state and found.state.ready and found.state.ready.value == "READY")
        tags = {tag.key: tag.value or "" for tag in found.tags or []}
        version = active.entity_version if active and is_ready else None
        digest_version, _, digest = tags.get(DIGEST, "").partition("/")
        return Served(
            url=f"{self._client.config.host}/serving-endpoints/{endpoint}/invocations",
            state=_state(update, is_ready=is_ready),
            wanted_version=(pending or active).entity_version if pending or active else None,
            model=active.entity_name if version else None,
            version=version,
            digest=digest if digest and digest_version == version else None,
            previous_version=tags.get(PREVIOUS) or None,
            detail=_reason(pending or active),
        )


def _state(update: str, *, is_ready: bool) -> Any:
    if update in {"UPDATE_FAILED", "UPDATE_CANCELED"}:
        return "failed"
    return "ready" if is_ready and update == "NOT_UPDATING" else "deploying"


def _entity(config: Any) -> Any:
    entities = config.served_entities if config else None
    return entities[0] if entities else None


def _reason(entity: Any) -> str:
    return str(entity.state.deployment_state_message or "") if entity and entity.state else ""


def _kept(wanted: Wanted) -> str:
    return f"{wanted.version}/{wanted.digest}"


def _tags(values: dict[str, str]) -> list[Any]:
    from databricks.sdk.service.serving import EndpointTag

    return [EndpointTag(key=key, value=value) for key, value in values.items()]
