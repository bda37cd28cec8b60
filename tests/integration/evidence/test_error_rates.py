"""The engine is as often wrong as it says, and no more: hundreds of data sets with a known truth, always the same."""

import pytest

from benchmarks.error_rates import BETTER, binary, customers, measure, regression

pytestmark = pytest.mark.slow
SETS = 300
CHANCE = 0.08
"""A rate of 5 % on 300 sets stays below this with 99 % probability."""


@pytest.mark.parametrize("world", [binary(500), regression(500)], ids=["binary", "regression"])
def test_no_difference__hundreds_of_times__is_called_one_at_most_in_one_of_twenty(world):
    rates = measure(world, SETS)
    assert rates.better < 0.05
    assert rates.better + rates.worse <= CHANCE
    assert max(rates.slice_harm, rates.calibration_harm) <= CHANCE
    assert rates.clustered <= 0.02
    assert 0.92 <= rates.coverage <= 0.98


def test_rows_of_customers__grouped__cover_and_without_the_group_are_always_noticed():
    grouped, plain = (measure(customers(150, 5, named=named), SETS) for named in (True, False))
    assert 0.92 <= grouped.coverage <= 0.98
    assert grouped.better + grouped.worse <= CHANCE
    assert plain.coverage < 0.8
    assert plain.clustered == 1.0
    assert plain.promote <= 0.05


def test_true_gain_and_loss__are_seen():
    assert measure(binary(2000, noise=(0.6, 1.0), truth=BETTER), 60).promote > 0.85
    rates = measure(binary(2000, noise=(1.0, 0.6), truth=-BETTER), 60)
    assert rates.worse > 0.85
    assert rates.promote == 0
