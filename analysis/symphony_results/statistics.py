"""What a difference is worth. Every function says what it pairs and how many pairs there are.

Seeds are repetitions of the whole experiment: Student's t over the paired differences of seeds. Held-out windows are the units within one seed:
they are resampled within their domain, and domains weigh the same (percentile bootstrap, Efron 1979). A table's comparisons are corrected
together by Holm's method (1979). "No difference to rounding" is not "no significant difference": the first says that changing the start by one
ulp moves the result as much, the second that the seeds at hand cannot tell.
"""
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
ALPHA = 0.05
RESAMPLES = 10_000
ROUNDING_FACTOR = 2.0  # few draws of rounding do not show the largest that can happen (core/app/findings.cpp has the same factor)

IDENTICAL = "identical"
CONTROL = "shows rounding"
ROUNDING = "no difference to rounding"
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


def over_seeds(values, confidence=CONFIDENCE):
    """Mean over seeds with Student's t interval on n - 1 degrees of freedom, and the t test of mean = 0."""
    values = np.asarray(values, dtype=float)
    n, mean, nan = len(values), float(values.mean()), float("nan")
    if n < 2:
        return Estimate(mean, nan, nan, nan, n, "seed")
    error = values.std(ddof=1) / np.sqrt(n)
    reach = stats.t.ppf(0.5 + confidence / 2, n - 1) * error
    p = 2 * stats.t.sf(abs(mean) / error, n - 1) if error > 0 else float(mean == 0)
    return Estimate(mean, mean - reach, mean + reach, float(p), n, "seed")


def paired_over_seeds(left, right, confidence=CONFIDENCE):
    """left - right, seed by seed ({seed: value}), over the seeds that both have; None where they share none."""
    shared = [seed for seed in left if seed in right]
    return over_seeds([left[seed] - right[seed] for seed in shared], confidence) if shared else None


def paired_over_windows(left, right, confidence=CONFIDENCE, resamples=RESAMPLES, seed=0):
    """left - right, held-out window by window ({domain: values}), within one seed of the experiment.

    The mean over domains of the mean over windows; windows are resampled within their domain. p is twice the share of resamples on the far
    side of zero, at least 2 / (resamples + 1). Raises ValueError where the windows are not the same.
    """
    if list(left) != list(right) or any(len(left[domain]) != len(right[domain]) for domain in left):
        shapes = [{domain: len(values) for domain, values in side.items()} for side in (left, right)]
        raise ValueError(f"windows do not pair: {shapes[0]} and {shapes[1]}")
    differences = [np.asarray(left[domain], dtype=float) - np.asarray(right[domain], dtype=float) for domain in left]
    n = sum(len(values) for values in differences)
    mean = float(np.mean([values.mean() for values in differences]))
    if not any(values.any() for values in differences):
        return Estimate(0.0, 0.0, 0.0, 1.0, n, "held-out window")
    draw = np.random.default_rng(seed)
    means = np.mean([values[draw.integers(len(values), size=(resamples, len(values)))].mean(axis=1) for values in differences], axis=0)
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
    far = min((means <= 0).sum(), (means >= 0).sum())
    return Estimate(mean, float(low), float(high), float(min(1.0, 2 * (far + 1) / (resamples + 1))), n, "held-out window")


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
    if not estimate.p <= ALPHA:
        return NOT_SIGNIFICANT
    if not p_adjusted <= ALPHA:
        return UNCORRECTED
    return LOWER if estimate.mean < 0 else HIGHER
