"""A piece of Azure for the Azure ML SDK: Resource Manager with one workspace, tokens of a managed identity, scoring.

Shapes: https://learn.microsoft.com/rest/api/azureml/online-endpoints and …/online-deployments, API 2025-12-01. What was
made is there after one look. Everything but the tokens is served over TLS with a certificate of the test's own.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.pipelines.answering import Answer, Answering, Asked, answering

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/ml"
    "/providers/Microsoft.MachineLearningServices/workspaces/risk"
)
TOKEN = "token-of-the-managed-identity"
KEY = "key-of-the-endpoint"


@dataclass
class AzureCloud:
    """What Azure holds."""

    fails: bool = False
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By path below the workspace: ``/onlineEndpoints/NAME`` and ``/onlineEndpoints/NAME/deployments/NAME``."""
    arm: Answering | None = None
    tokens: Answering | None = None
    certificate: Path = Path()

    def environment(self) -> dict[str, str]:
        """What makes the SDK come here: the documented variables of azure-identity and of other clouds than Azure's."""
        assert self.arm is not None
        assert self.tokens is not None
        return {
            "IDENTITY_ENDPOINT": f"{self.tokens.url}/token",
            "IDENTITY_HEADER": "given-by-the-host",
            "ARM_CLOUD_METADATA_URL": f"{self.arm.url}/metadata/endpoints?api-version=2022-09-01",
            "REQUESTS_CA_BUNDLE": str(self.certificate),
            "AZUREML_DISABLE_TELEMETRY": "true",
        }

    def token(self, asked: Asked) -> Answer:
        """The token service of a host with a managed identity."""
        assert asked.headers.get("x-identity-header") == "given-by-the-host"
        until = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
        return 200, {"access_token": TOKEN, "expires_on": str(until), "token_type": "Bearer", "resource": "arm"}

    def handle(self, asked: Asked) -> Answer:
        """Metadata, Resource Manager, scoring."""
        path = asked.path.partition("?")[0]
        if path == "/metadata/endpoints":
            return 200, [self._metadata()]
        if path.startswith("/score/"):
            return self._score(asked, path.removeprefix("/score/"))
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"code": "AuthenticationFailed", "message": "Authentication failed."}}
        if path == WORKSPACE:
            return 200, {"id": WORKSPACE, "name": "risk", "location": "westeurope", "properties": {}}
        return self._resource(asked, path.removeprefix(WORKSPACE))

    def _metadata(self) -> dict[str, Any]:
        assert self.arm is not None
        return {
            "name": "LocalCloud", "portal": "https://portal.azure.example", "resourceManager": self.arm.url,
            "authentication": {"loginEndpoint": self.arm.url}, "suffixes": {"storage": "core.example"},
        }  # fmt: skip

    def _resource(self, asked: Asked, path: str) -> Answer:
        if path.endswith("/listKeys"):
            return 200, {"primaryKey": KEY, "secondaryKey": "other"}
        if asked.method == "PUT":
            return self._put(path, asked.body)
        if asked.method == "GET" and path.endswith("/deployments"):
            return 200, {"value": [row for name, row in self.rows.items() if name.startswith(f"{path}/")]}
        if path not in self.rows:
            return 404, {"error": {"code": "ResourceNotFound", "message": f"{path} was not found."}}
        if asked.method == "DELETE":
            del self.rows[path]
            return 204, ""
        return 200, self._looked_at(path)

    def _put(self, path: str, body: dict[str, Any]) -> Answer:
        assert self.arm is not None
        parts = path.strip("/").split("/")
        properties = dict(body["properties"]) | {"provisioningState": "Updating" if path in self.rows else "Creating"}
        if len(parts) == 2:
            properties["scoringUri"] = f"{self.arm.url}/score/{parts[1]}"
            properties.setdefault("traffic", {})
        else:
            properties.setdefault("scaleSettings", {"scaleType": "Default"})
        row = body | {"id": f"{WORKSPACE}{path}", "name": parts[-1], "properties": properties}
        self.rows[path] = row
        return 201, row

    def _looked_at(self, path: str) -> dict[str, Any]:
        row = self.rows[path]
        shown = row | {"properties": dict(row["properties"])}
        bad = self.fails and "/deployments/" in path
        row["properties"]["provisioningState"] = "Failed" if bad else "Succeeded"
        return shown

    def _score(self, asked: Asked, endpoint: str) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return 401, {"message": "The key is wrong."}
        traffic = self.rows[f"/onlineEndpoints/{endpoint}"]["properties"]["traffic"]
        (name,) = [name for name, share in traffic.items() if share == 100]
        model = self.rows[f"/onlineEndpoints/{endpoint}/deployments/{name}"]["properties"]["model"]
        factor = int(model.rpartition("/")[2])
        return 200, [row[0] * factor for row in asked.body["input_data"]["data"]]


@contextmanager
def azure_cloud(folder: Path) -> Iterator[AzureCloud]:
    """Both servers up until the block ends."""
    cloud = AzureCloud(certificate=folder / "certificate.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cloud.certificate, _make_certificate(cloud.certificate))
    with answering(cloud.handle, tls=tls) as arm, answering(cloud.token) as tokens:
        cloud.arm, cloud.tokens = arm, tokens
        yield cloud


def _make_certificate(file: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself; the path of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2)).add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = file.with_suffix(".key")
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return private
