"""What a difference is worth. Every function says what it pairs and how many pairs there are. `runner table` judges by the same rules.

Seeds are repetitions of the whole experiment: Student's t over the paired differences of seeds. Held-out windows are the units within one seed:
Student's t over their paired differences, each domain weighing the same (core/app/paired_windows.cpp). A table's comparisons are corrected together
by Holm's method (1979). "No difference to rounding" is not "no significant difference": the first says that changing the start by one ulp moves the
result as much, the second that the seeds at hand cannot tell.
"""
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
ALPHA = 0.05
ROUNDING_FACTOR = 2.0  # few draws of rounding do not show the largest that can happen (core/app/findings.cpp has the same factor)

IDENTICAL = "identical"
CONTROL = "shows rounding"
ROUNDING = "no difference to rounding"
UNKNOWN = "by an unknown margin"
NOT_SIGNIFICANT = "no significant difference"
UNCORRECTED = "before correction only"
LOWER = "lower"
HIGHER = "higher"


@dataclass(frozen=True)
class Estimate:
    mean: float
    low: float   # of the interval; NaN where n does not allow one
    high: float
    p: float     # two-sided, of mean = 0; NaN where n does not allow one
    n: int
    unit: str    # what n counts: "seed", "held-out window"

    @property
    def half_width(self):
        return (self.high - self.low) / 2


def from_error(mean, error, n, unit, confidence=CONFIDENCE):
    """Student's t interval and test of mean = 0 on n - 1 degrees of freedom; neither for a single unit, whose error is NaN."""
    nan = float("nan")
    if n < 2 or np.isnan(error):
        return Estimate(float(mean), nan, nan, nan, n, unit)
    reach = stats.t.ppf(0.5 + confidence / 2, n - 1) * error
    p = 2 * stats.t.sf(abs(mean) / error, n - 1) if error > 0 else float(mean == 0)
    return Estimate(float(mean), float(mean - reach), float(mean + reach), float(p), n, unit)


def standard_error(values):
    """Of their mean; NaN for one value."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def over_seeds(values, confidence=CONFIDENCE):
    """Mean over seeds."""
    values = np.asarray(values, dtype=float)
    return from_error(float(values.mean()), standard_error(values), len(values), "seed", confidence)


def paired_over_seeds(left, right, confidence=CONFIDENCE):
    """left - right, seed by seed ({seed: value}), over the seeds that both have; None where they share none."""
    shared = [seed for seed in left if seed in right]
    return over_seeds([left[seed] - right[seed] for seed in shared], confidence) if shared else None


def paired_over_windows(left, right, value=None, confidence=CONFIDENCE):
    """left - right, held-out window by window ({domain: values}), within one seed of the experiment.

    The mean over domains of the mean over windows; domains are independent, so their errors add in squares. n counts all windows. `value`, where given,
    is judged in the place of the mean: the difference of the rows, which weigh windows by their bytes and were never rounded to float32, as windows are.
    Raises ValueError where the numbers of windows differ.
    """
    if left.keys() != right.keys() or any(len(left[domain]) != len(right[domain]) for domain in left):
        shapes = [{domain: len(values) for domain, values in side.items()} for side in (left, right)]
        raise ValueError(f"windows do not pair: {shapes[0]} and {shapes[1]}")
    differences = [np.asarray(left[domain], dtype=float) - np.asarray(right[domain], dtype=float) for domain in left]
    mean = np.mean([values.mean() for values in differences])
    error = np.sqrt(sum(standard_error(values) ** 2 for values in differences)) / len(differences)
    estimate = from_error(mean, error, sum(len(values) for values in differences), "held-out window", confidence)
    if value is None:
        return estimate
    judged = from_error(value, error, estimate.n, estimate.unit, confidence)
    # Windows that as stored do not differ among themselves tell nothing of a difference smaller than their rounding.
    return judged if error > 0 else replace(judged, p=estimate.p)


def holm(p_values):
    """Holm's step-down adjusted p values in the order given: reject where adjusted <= alpha. NaN stays NaN and is no comparison."""
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = (len(order) - np.arange(len(order))) * p_values[order]
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted


def verdict(differences, estimate, p_adjusted, rounding=()):
    """One of the names above. `differences`: by seed; `rounding`: by seed, what one ulp in the start did."""
    if not any(differences):
        return IDENTICAL
    if len(rounding) and np.max(np.abs(differences)) <= ROUNDING_FACTOR * np.max(np.abs(rounding)):
        return ROUNDING
    if np.isnan(estimate.p):
        return UNKNOWN
    if estimate.p > ALPHA:
        return NOT_SIGNIFICANT
    if not p_adjusted <= ALPHA:
        return UNCORRECTED
    return LOWER if estimate.mean < 0 else HIGHER
