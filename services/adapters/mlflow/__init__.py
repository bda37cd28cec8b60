"""MLflow's model registry over its REST API: the `RegistryReader` and `RegistryWriter` of the portal.

`docs/mlflow.md` says which calls are used and why. Entry point: `build_registry`.
"""

from services.adapters.mlflow.config import MlflowConfig
from services.adapters.mlflow.links import Links
from services.adapters.mlflow.registry import MlflowRegistry, ServerInfo, build_registry

__all__ = [
    "Links",
    "MlflowConfig",
    "MlflowRegistry",
    "ServerInfo",
    "build_registry",
]
