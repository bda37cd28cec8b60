"""Whatever is left out makes no verdict greener, and is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.checks import Check, Verdict, check_from_json, check_to_json
from services.domain.examined import WHOLE, Examined, LeftOut, together

REPORTS = LeftOut("5 of 25 test reports", "only the first 20 are read")
SMALL = LeftOut("group 80+ (29 rows)", "the policy judges groups from 30 rows", by_policy=True)
GREENER = [Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN, Verdict.PASS]

left_out = st.builds(LeftOut, st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9), st.booleans())
coverages = st.builds(
    Examined,
    st.none() | st.integers(0, 9),
    st.none() | st.integers(0, 9),
    st.just("rows"),
    st.lists(left_out, max_size=3).map(tuple),
    st.sampled_from(["", "the live version"]),
)


def test_pass__a_part_was_looked_at__becomes_unknown_and_says_so() -> None:
    check = Check("Tests", Verdict.PASS, "Every test passed.", examined=Examined(20, 25, "test reports", (REPORTS,)))
    assert check.verdict is Verdict.UNKNOWN
    assert check.is_blocking
    assert "20 of 25 test reports checked." in check.sentence
    assert "only the first 20 are read" in check.sentence


def test_pass__policy_excludes_the_rest__stays_and_says_so() -> None:
    check = Check("Slices", Verdict.PASS, "No group is worse.", examined=Examined(3, 4, "groups", (SMALL,)))
    assert check.verdict is Verdict.PASS
    assert "group 80+ (29 rows) not checked" in check.sentence


def test_pass__rests_on_a_stand_in__becomes_unknown() -> None:
    check = Check("Lineage", Verdict.PASS, "Known.", examined=Examined(stand_in="the live version"))
    assert check.verdict is Verdict.UNKNOWN


def test_fail__a_part_was_looked_at__stays_a_fail() -> None:
    assert Check("Tests", Verdict.FAIL, "2 failed.", examined=Examined(1, 2)).verdict is Verdict.FAIL


def test_pass__fewer_seen_than_there_are__is_not_whole_without_a_reason_either() -> None:
    assert not Examined(2, 3, "groups").is_whole


@given(coverages, left_out, st.sampled_from(GREENER))
def test_verdict__more_is_left_out__is_never_greener(examined: Examined, item: LeftOut, verdict: Verdict) -> None:
    before = Check("Any", verdict, "Said.", examined=examined)
    after = Check("Any", verdict, "Said.", examined=examined.but(LeftOut(item.what, item.why)))
    assert GREENER.index(after.verdict) <= GREENER.index(before.verdict)
    assert item.why.rstrip(".") in after.sentence


@given(st.lists(coverages, max_size=4))
def test_together__parts__is_whole_only_when_all_are(parts: list[Examined]) -> None:
    assert together(parts).is_whole == all(part.is_whole for part in parts)


def test_whole__nothing_left_out__tells_nothing() -> None:
    assert WHOLE.sentences() == ()
    assert Check("Any", Verdict.PASS, "Good.").sentence == "Good."


@pytest.mark.parametrize("verdict", GREENER)
def test_sentence__told_already__is_not_told_twice(verdict: Verdict) -> None:
    told = REPORTS.sentence()
    assert Check("Any", verdict, told, examined=Examined(left_out=(REPORTS,))).sentence.count(told) == 1


@given(coverages, st.sampled_from(GREENER))
def test_check__sealed_and_read__is_the_same(examined: Examined, verdict: Verdict) -> None:
    check = Check("Any", verdict, "Said.", examined=examined)
    assert check_from_json(check_to_json(check)) == check


def test_check__sealed_before_coverage_was_kept__reads_as_it_was() -> None:
    check = Check("Any", Verdict.PASS, "Good.")
    assert "examined" not in check_to_json(check)
    assert check_from_json(check_to_json(check)) == check
