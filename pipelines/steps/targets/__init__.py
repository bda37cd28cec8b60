"""Deployment targets, and the options that select one: `--target` and what that target requires.

Credentials come from the environment only: DATABRICKS_HOST and DATABRICKS_TOKEN (or other variables that the Databricks
SDK reads), AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (or other variables that azure-identity reads).
"""

from __future__ import annotations

import argparse
import os

from common import StepError, endpoint_of, option

from targets.base import Records, Scores, Served, Target, Wanted, Watch, existing

__all__ = [
    "Records", "Scores", "Served", "Target", "Wanted", "Watch", "add_target_options", "endpoint_name", "existing",
    "open_target", "watch_of",
]  # fmt: skip
NAMES = ("mlflow", "databricks", "azureml")


def add_target_options(parser: argparse.ArgumentParser, *, seconds: float = 0.0) -> None:
    """`--target`, `--endpoint` and the targets' options; `--seconds` if the step waits."""
    given = os.environ.get("SERVINGTARGET") or "mlflow"
    default = given if given in NAMES else "mlflow"
    parser.add_argument("--target", choices=NAMES, default=default, help="where the model is served; default: mlflow")
    option(parser, "--endpoint", also="SERVINGENDPOINT", needed=False)
    parser.add_argument("--endpoint-prefix", default="", help="put before the endpoint's name, for instance test-")
    option(parser, "--serving-url", needed=False)
    option(parser, "--subscription", also="AZURE_SUBSCRIPTION_ID", needed=False)
    option(parser, "--resource-group", also="AZUREMLRESOURCEGROUP", needed=False)
    option(parser, "--workspace", also="AZUREMLWORKSPACE", needed=False)
    parser.add_argument("--workload-size", default="Small", help="databricks: Small, Medium or Large")
    parser.add_argument("--instance-type", default="Standard_DS3_v2", help="azureml: size of the machine")
    if seconds:
        parser.add_argument("--seconds", type=float, default=seconds, help="deadline; default: %(default)s")
        parser.add_argument("--every", type=float, help="seconds between polls; default: 0.5 for mlflow, else 10")


def endpoint_name(arguments: argparse.Namespace) -> str:
    """The endpoint: as given, or after the model; with the prefix."""
    return arguments.endpoint_prefix + (arguments.endpoint or endpoint_of(arguments.model))


def open_target(arguments: argparse.Namespace) -> Target:
    """The target that the options select. Raises StepError if one of its options is missing."""
    if arguments.target == "databricks":
        from targets.databricks import open_databricks

        return open_databricks(workload_size=arguments.workload_size)
    if arguments.target == "azureml":
        from targets.azure_ml import Workspace, open_azure_ml

        place = Workspace(arguments.subscription, arguments.resource_group, arguments.workspace)
        return open_azure_ml(place, instance_type=arguments.instance_type)
    from targets.mlflow_host import MlflowHost

    if not arguments.serving_url:
        raise StepError("The target mlflow needs --serving-url, the address of the serving host.")
    return MlflowHost(arguments.serving_url)


def watch_of(arguments: argparse.Namespace) -> Watch:
    """The deadline of a step; cloud services are polled less often."""
    usual = 0.5 if arguments.target == "mlflow" else 10.0
    return Watch(arguments.seconds, every=usual if arguments.every is None else arguments.every)
