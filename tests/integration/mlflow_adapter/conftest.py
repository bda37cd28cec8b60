from collections.abc import Iterator

import pytest

from services.adapters.mlflow import MlflowRegistry
from tests.integration.mlflow_adapter.servers import FakeMlflow, fake_mlflow, registry_at


@pytest.fixture
def fake() -> Iterator[FakeMlflow]:
    with fake_mlflow() as server:
        yield server


@pytest.fixture
def registry(fake: FakeMlflow) -> Iterator[MlflowRegistry]:
    with registry_at(fake.url) as found:
        yield found
