"""Every statistic on data with a known answer."""
import numpy as np
import pytest
from scipy import stats
from symphony_results import over_shared_windows, statistics
from symphony_results.statistics import Estimate


def test_a_t_interval_by_hand():
    """1, 2, 3: mean 2, standard error 1 / sqrt 3, t(0.975, 2) = 4.302653 (a printed table's value)."""
    estimate = statistics.over_seeds([1.0, 2.0, 3.0])
    assert (estimate.mean, estimate.n, estimate.unit) == (2.0, 3, "seed")
    assert estimate.half_width == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    assert estimate.p == pytest.approx(stats.ttest_1samp([1, 2, 3], 0).pvalue)


def test_seeds_pair_by_their_number_not_by_their_order():
    estimate = statistics.paired_over_seeds({1: 5.0, 2: 7.0, 3: 9.0}, {3: 8.0, 1: 4.0, 4: 0.0, 2: 6.0})
    assert (estimate.mean, estimate.low, estimate.high, estimate.p, estimate.n) == (1.0, 1.0, 1.0, 0.0, 3)
    assert statistics.paired_over_seeds({1: 5.0}, {2: 5.0}) is None


def test_one_seed_has_no_interval_over_seeds():
    estimate = statistics.over_seeds([3.0])
    assert estimate.mean == 3.0 and np.isnan([estimate.low, estimate.high, estimate.p]).all()


def test_equal_values_are_no_difference():
    estimate = statistics.over_seeds([0.0, 0.0])
    assert (estimate.mean, estimate.p) == (0.0, 1.0)


def test_the_t_interval_covers_as_often_as_it_says():
    draw = np.random.default_rng(7)
    covered = [abs(e.mean - 1.0) <= e.half_width for e in (statistics.over_seeds(draw.normal(1.0, 3.0, 4)) for _ in range(2000))]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)  # three standard errors


def test_windows_pair_within_their_domain_and_domains_weigh_the_same():
    left = {"code": [2.0, 4.0], "prose": [1.0, 1.0, 1.0, 1.0]}
    right = {"code": [1.0, 3.0], "prose": [4.0, 4.0, 4.0, 4.0]}
    estimate = statistics.paired_over_windows(left, right)
    assert (estimate.mean, estimate.low, estimate.high) == (-1.0, -1.0, -1.0)  # (1 - 3) / 2, every window of a domain alike
    assert (estimate.n, estimate.unit) == (6, "held-out window")


def test_windows_are_judged_as_the_runner_judges_them():
    """tests/core/app/test_sweep_table.cpp has the same windows and the same numbers, by SciPy 1.10; df 6, by hand 0.791667 / 0.231990."""
    left = {"text": [2.0, 4.0, 7.0], "code": [0.5, 2.0, 3.5, 5.0]}
    right = {"text": [1.0, 3.0, 5.0], "code": [1.0, 2.0, 3.0, 4.0]}
    estimate = statistics.paired_over_windows(left, right)
    assert estimate.mean == pytest.approx(0.7916666666666666)
    assert estimate.half_width == pytest.approx(0.5676595246120351)
    assert estimate.p == pytest.approx(0.014274678294058816)
    assert statistics.paired_over_windows(left, dict(reversed(right.items()))) == estimate
    of_rows = statistics.paired_over_windows(left, right, value=0.5)
    assert of_rows.mean == 0.5 and of_rows.half_width == pytest.approx(0.5676595246120351) and of_rows.p == pytest.approx(0.07456261498151225)


def test_one_domain_is_the_paired_t_test():
    draw = np.random.default_rng(3)
    shared = draw.normal(5, 4, 40)  # what windows have in common cancels in pairs
    left, right = shared + draw.normal(0.1, 0.5, 40), shared
    estimate = statistics.paired_over_windows({"code": left}, {"code": right})
    assert estimate.p == pytest.approx(stats.ttest_rel(left, right).pvalue)
    assert estimate.half_width == pytest.approx(stats.t.ppf(0.975, 39) * stats.sem(left - right))


def test_a_domain_of_one_window_has_no_interval():
    estimate = statistics.paired_over_windows({"code": [2.0], "prose": [1.0, 2.0]}, {"code": [1.0], "prose": [1.0, 1.0]})
    assert estimate.mean == 0.75 and np.isnan([estimate.low, estimate.high, estimate.p]).all()


def test_windows_rounded_alike_tell_nothing_of_a_smaller_difference():
    windows = {"code": [1.0, 2.0, 3.0]}
    estimate = statistics.paired_over_windows(windows, windows, value=1e-9)
    assert (estimate.mean, estimate.low, estimate.high, estimate.p) == (1e-9, 1e-9, 1e-9, 1.0)


CODE = np.array([2.0, 5.0]), np.array([1.0, 3.0])  # differences 1 and 2


def test_the_same_windows_give_an_interval_around_the_rows_difference():
    estimate = over_shared_windows({"code": ("a", CODE[0])}, {"code": ("a", CODE[1])}, 1.25)
    assert (estimate.mean, estimate.n, estimate.unit) == (1.25, 2, "held-out window")
    assert estimate.half_width == pytest.approx(12.706205 * 0.5, rel=1e-6)


@pytest.mark.parametrize("left_hash,right", [
    ("a", {"code": ("b", CODE[1])}),                       # as many windows, but others
    ("a", {"code": ("", CODE[1])}),                        # a file from before the hash was noted
    ("", {"code": ("", CODE[1])}),
    ("a", {"code": ("a", CODE[1][:1])}),                   # a suite that took fewer of them
    ("a", {"code": ("a", CODE[1]), "prose": ("c", CODE[1])}),
    ("a", {}),
])
def test_windows_that_may_be_others_give_no_interval(left_hash, right):
    left = {"code": (left_hash, CODE[0])}
    for pair in ((left, right), (right, left)):
        unknown = over_shared_windows(*pair, 1.25)
        assert (unknown.mean, unknown.n) == (1.25, 0) and np.isnan([unknown.low, unknown.high, unknown.p]).all()


def test_other_windows_are_refused():
    with pytest.raises(ValueError, match="windows do not pair"):
        statistics.paired_over_windows({"code": [1.0, 2.0]}, {"code": [1.0]})
    with pytest.raises(ValueError, match="windows do not pair"):
        statistics.paired_over_windows({"code": [1.0]}, {"prose": [1.0]})


def test_holm_by_hand():
    """Holm 1979: 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, never decreasing."""
    assert statistics.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert statistics.holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert statistics.holm([]).tolist() == []


def test_what_was_not_tested_is_no_comparison():
    adjusted = statistics.holm([0.02, float("nan"), 0.5])
    assert adjusted[[0, 2]] == pytest.approx([0.04, 0.5]) and np.isnan(adjusted[1])


@pytest.mark.parametrize("differences,p,p_holm,rounding,expected", [
    ([0.0, 0.0], 1.0, 1.0, [], statistics.IDENTICAL),
    ([1e-8, -3e-8], 0.7, 1.0, [2e-8], statistics.ROUNDING),
    ([0.1, 0.3], 0.3, 1.0, [2e-8], statistics.NOT_SIGNIFICANT),
    ([0.1, -0.1], 1.0, 1.0, [2e-3], statistics.NOT_SIGNIFICANT),
    ([0.1, 0.3], 0.3, 1.0, [], statistics.NOT_SIGNIFICANT),
    ([0.2, 0.21], 0.03, 0.3, [1e-8], statistics.UNCORRECTED),
    ([0.2], float("nan"), float("nan"), [], statistics.UNKNOWN),
    ([0.2, 0.21], 0.001, 0.01, [1e-8], statistics.HIGHER),
    ([-0.2, -0.21], 0.001, 0.01, [], statistics.LOWER),
    ([1e-4, 1.1e-4], 0.001, 0.01, [3e-4], statistics.ROUNDING),
])
def test_verdicts(differences, p, p_holm, rounding, expected):
    mean = float(np.mean(differences))
    assert statistics.verdict(differences, Estimate(mean, mean, mean, p, 2, "seed"), p_holm, rounding) == expected
