"""Build numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.integration.pipeline_engine.world import plan_of

NOW = datetime(2026, 3, 5, 7, 8, 9, tzinfo=UTC)


def name_of(name: str, *, revision: int = 4, **parameters: str) -> tuple[str, list[str]]:
    asked: list[str] = []

    def count(key: str) -> int:
        asked.append(key)
        return revision

    plan = plan_of(
        f"""
        name: {name}
        parameters:
        - name: requestId
          default: r-1
        variables:
          requestId: from-variable
        steps:
        - script: a
        """,
        parameters=parameters,
    )
    return plan.run_name(now=NOW, revision=count, predefined={"Build.BuildId": "501"}), asked


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("$(Date:yyyyMMdd)$(Rev:.r)", "20260305.4", "20260305"),
        ("$(Date:yyyy-MM-dd_HHmmss).$(rev:rrr)", "2026-03-05_070809.004", "2026-03-05_070809."),
        ("${{ parameters.requestId }}-$(Rev:r)", "r-1-4", "r-1-"),
        ("$(requestId)-$(BuildID)", "from-variable-501", None),
        ("$(nope)/x", "$(nope)_x", None),
        ("$(Date:d.M.yy)", "5.3.26", None),
    ],
)
def test_run_name__pattern__is_filled_in(name: str, text: str, key: str | None) -> None:
    assert name_of(f"'{name}'") == (text, [] if key is None else [key])


def test_run_name__long__is_cut_at_255() -> None:
    assert len(name_of("x" * 300)[0]) == 255


def test_run_name__default__is_date_and_revision() -> None:
    plan = plan_of("steps:\n- script: a")
    assert plan.run_name(now=NOW, revision=lambda _: 12) == "20260305.12"
