from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard.text import JOINER, as_html, as_text, plain, shorten
from dashboard.widgets.base import links
from dashboard.widgets.version.card import safe_markdown
from dashboard.widgets.version.grid import as_csv
from services.domain.registry import VersionKey
from services.errors import InvalidInputError
from tests.fake_world import HOSTILE, LONG, NASTY

AWKWARD = [
    NASTY, LONG, HOSTILE, "a -> b <- c -- d ~= e", ":material/home:", ":red[x]", "www.evil.example me@evil.example http://x.y",
    "# head", "1. one", "- dash", "| a | b |", "``` x ```", "\\*", "[a]: http://x", "![i](http://x/y.png)", "&lt;b&gt;", "a\tb\nc\x00d",
]  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD)
def test_as_text__any_name__loses_nothing_but_layout(name: str) -> None:
    undone = as_text(name).replace(JOINER, "")
    shown = "".join(
        undone[i] for i in range(len(undone)) if not (undone[i] == "\\" and (i == 0 or not _is_escaped(undone, i)))
    )
    assert shown == plain(name)


def _is_escaped(text: str, place: int) -> bool:
    count = 0
    while place > count and text[place - 1 - count] == "\\":
        count += 1
    return count % 2 == 1


@pytest.mark.parametrize("name", AWKWARD)
def test_as_text__any_name__leaves_no_active_punctuation(name: str) -> None:
    text = as_text(name)
    for i, char in enumerate(text):
        if char in "*_`[]()<>#|$!~&:":
            assert _is_escaped(text, i), (char, text)


def test_as_text__emoji_code_and_icon__are_broken_up() -> None:
    assert f"\\:{JOINER}rocket" in as_text(":rocket:")
    assert f"\\:{JOINER}material" in as_text(":material/home:")
    assert f"http\\:{JOINER}" in as_text("http://evil.example")


def test_as_html__markup__is_escaped() -> None:
    assert as_html('<b a="x">\'&') == "&lt;b a=&quot;x&quot;&gt;&#x27;&amp;"


def test_shorten__long_name__keeps_both_ends_and_the_limit() -> None:
    short = shorten(LONG, 30)
    assert len(short) == 30
    assert short.startswith("a-model-name")
    assert short.endswith("and-on")


@pytest.mark.parametrize("name", [*AWKWARD[:3], "a&b=c", "100%", "ü/ö?#", "  x  "])
def test_address__any_name__survives_the_way_to_the_address_and_back(name: str) -> None:
    address = links.address(links.VERSION, links.version_params(VersionKey(name, 7)))
    query = {key: values[0] for key, values in parse_qs(urlsplit(address).query, strict_parsing=True).items()}
    assert links.version_key(query) == VersionKey(name, 7)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "abc", "٣", "9" * 13, "1 OR 1=1"])
def test_whole__rubbish__is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidInputError, match="no usable version"):
        links.whole(text, "version")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "//evil", "/path", "http://", "file:///x", "http://[bad"]
)
def test_outside__anything_but_http__is_no_link(link: str) -> None:
    assert links.outside(link) == ""


def test_safe_markdown__card_with_attacks__keeps_text_and_nothing_that_acts() -> None:
    card = (
        "# Title\n<script>x</script> ![t](http://evil/p.png) ![r][ref] [a](javascript:x) [ok](https://ok.example) $x$ :tada: :red[y]\n"
        "[ref]: http://evil/p.png\n```mermaid\ngraph TD\n```\n[b]( <javascript:y> )"
    )
    safe = safe_markdown(card)
    assert safe.startswith("### Title")
    assert "\\<script>" in safe
    assert "![" not in safe
    assert "javascript" not in safe
    assert "evil" not in safe
    assert "[ok](https://ok.example)" in safe
    assert "mermaid" not in safe
    assert ":tada:" not in safe
    assert ":red[" not in safe
    assert "\\$x\\$" in safe


def test_as_csv__formula_in_a_name__is_inert() -> None:
    text = as_csv(("name", "value"), [("=HYPERLINK(1)", -1.5), ("@x", None)]).decode("utf-8-sig")
    assert text == "name,value\r\n'=HYPERLINK(1),-1.5\r\n'@x,\r\n"
