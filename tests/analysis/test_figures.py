"""What figures compute before they draw, on data with known answers."""
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "analysis" / part) for part in ("", "figures")]

import activation_statistics  # noqa: E402
import expert_ablation  # noqa: E402


def effects(by_run, errors):
    """Two domains, one expert, at two moments of which the last counts."""
    shape = ("moment", "run", "domain", "expert")
    values = np.array([np.full_like(by_run, 99.0), by_run])
    windows = np.full((2, *np.shape(by_run)), [4.0, 25.0])
    return xarray.Dataset({"effect": (shape, values[..., None]), "effect_error": (shape, np.array([errors, errors])[..., None]), "windows": (shape[:3], windows)})


def test_expert_effects_of_one_seed_have_the_interval_of_their_windows():
    data = effects([[0.5, -0.25]], [[0.1, 0.2]])
    mean, half_width = expert_ablation.cells(data)
    np.testing.assert_allclose(mean, [[0.5], [-0.25]])
    np.testing.assert_allclose(half_width, [[0.3182446], [0.4127797]], rtol=1e-6)  # Student's t of 4 and of 25 windows, 3.182446 and 2.063899
    assert np.isnan(list(expert_ablation.cells(data.drop_vars("windows")))[1]).all()


def test_expert_effects_of_several_seeds_have_the_interval_of_the_seeds():
    mean, half_width = expert_ablation.cells(effects([[0.1, 1.0], [0.2, 1.0], [0.3, 1.0]], [[9.0, 9.0]] * 3))
    np.testing.assert_allclose(mean, [[0.2], [1.0]])
    assert half_width[0, 0] == pytest.approx(4.302653 * 0.1 / np.sqrt(3), rel=1e-6)  # Student's t, 2 degrees of freedom
    assert half_width[1, 0] == pytest.approx(0.0, abs=1e-12)


def test_a_span_leaves_out_experts_without_tokens():
    values = xarray.DataArray([[[1.0, 3.0], [5.0, np.nan]]], dims=("layer", "domain", "expert"))
    mean, reach = activation_statistics.span(values)
    assert mean.tolist() == [3.0] and reach.tolist() == [[2.0], [2.0]]


def test_a_fixed_feature_holds_the_maximum_in_all_domains_of_a_seed():
    features = xarray.DataArray([[[7, 7], [4, 4]], [[7, 7], [7, 7]], [[1, 2], [3, 4]]], dims=("layer", "run", "domain"))
    assert activation_statistics.fixed_features(features) == [[4, 7], [7], []]
