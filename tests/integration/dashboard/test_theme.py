"""The two themes: readable, and without a request to any other host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from dashboard.widgets.base.style import _COLOURS, _TONES, stylesheet

ROOT = Path(__file__).resolve().parents[3]
CONFIG = tomllib.loads((ROOT / "dashboard" / ".streamlit" / "config.toml").read_text("utf-8"))
AA = 4.5


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_theme__text_on_every_surface__is_readable(mode: str) -> None:
    theme = CONFIG["theme"][mode]
    for surface in ("backgroundColor", "secondaryBackgroundColor"):
        for text in ("textColor", "linkColor", "codeTextColor"):
            assert contrast(theme[text], theme[surface]) >= AA, (text, surface)
    for name in ("red", "orange", "yellow", "green", "blue", "violet", "gray"):
        assert contrast(theme[f"{name}TextColor"], theme[f"{name}BackgroundColor"]) >= AA, name
        assert contrast(theme[f"{name}TextColor"], theme["backgroundColor"]) >= AA, name
    assert contrast(theme["dataframeHeaderTextColor"], theme["dataframeHeaderBackgroundColor"]) >= AA
    assert contrast("#FFFFFF", theme["primaryColor"]) >= AA
    sidebar = theme["sidebar"]
    assert contrast(sidebar["textColor"], sidebar["backgroundColor"]) >= AA


@pytest.mark.parametrize("dark", [False, True])
def test_style__badges_and_soft_text__are_readable(dark: bool) -> None:
    back, card = _COLOURS["back"][dark], _COLOURS["card"][dark]
    for tone in _TONES:
        assert contrast(_COLOURS[tone][dark], _COLOURS[f"{tone}-b"][dark]) >= AA, tone
    for name in ("soft", "link", "ink", "bad"):
        assert contrast(_COLOURS[name][dark], back) >= AA, name
        assert contrast(_COLOURS[name][dark], card) >= AA, name


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_theme__charts__have_ten_lines_and_can_be_seen(mode: str) -> None:
    theme = CONFIG["theme"][mode]
    assert len(set(theme["chartCategoricalColors"])) == 10
    assert len(theme["chartSequentialColors"]) == len(theme["chartDivergingColors"]) == 10
    assert all(contrast(colour, theme["backgroundColor"]) >= 3 for colour in theme["chartCategoricalColors"])


def test_config__asks_no_other_host_and_tells_no_stranger_anything() -> None:
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["client"]["showErrorDetails"] == "none"
    assert CONFIG["client"]["toolbarMode"] == "minimal"
    assert CONFIG["server"]["enableAgentApi"] is False
    assert CONFIG["server"]["fileWatcherType"] == "none"
    assert CONFIG["runner"]["postScriptGC"] is False
    for text in ((ROOT / "dashboard" / ".streamlit" / "config.toml").read_text("utf-8"), stylesheet(dark=False)):
        assert not re.search(r"https?://|url\(", text)
