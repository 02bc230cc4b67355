"""The sweep of smoke/alignment.yaml and a copy of it with three seeds: comparisons against plain pandas, figures, pages."""
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from symphony_results import Table, open_sweep, statistics

ANALYSIS = Path(__file__).resolve().parents[2] / "analysis"
sys.path[:0] = [str(ANALYSIS), str(ANALYSIS / "figures")]

import against  # noqa: E402
import report  # noqa: E402
import style  # noqa: E402

SHIFTS = {1: 0.0, 2: 0.25, 3: -0.125}  # exact in binary


@pytest.fixture(scope="session")
def smoke():
    folder = Path(os.environ.get("SYMPHONY_SMOKE", ANALYSIS.parent / ".build/release/smoke/alignment/smoke_alignment"))
    assert folder.is_dir(), f"{folder}: run smoke/alignment.yaml first, or set SYMPHONY_SMOKE"
    return folder


@pytest.fixture(scope="session")
def three_seeds(smoke, tmp_path_factory):
    """Seeds 2 and 3 are seed 1 with every value shifted; full_weights by twice as much, so that its difference moves by the shift."""
    folder = tmp_path_factory.mktemp("sweeps") / "three_seeds"
    plan = json.loads((smoke / "plan.json").read_text())
    points = []
    for point in plan["points"]:
        for seed, shift in SHIFTS.items():
            run_id = point["run_id"].replace(".s1-", f".s{seed}-")
            shutil.copytree(smoke / point["run_id"], folder / run_id)
            with h5py.File(folder / run_id / "run.h5", "r+") as file:
                file.attrs["run_id"], file.attrs["seed"] = run_id, seed
                file["evaluation/rows/value"][...] = file["evaluation/rows/value"][()] + shift * (2 if point["variant"] == "full_weights" else 1)
            points.append({**point, "run_id": run_id, "seed": seed})
    plan["points"] = sorted(points, key=lambda point: point["seed"])
    plan["config"]["report"] = [
        {"ask": "Do FFN neurons matter?", "variant": "ffn_activation", "against": "none", "noise": [], "published": "a gain of 2 %"},
        {"ask": "Does everything matter?", "variant": "full_weights", "against": "none", "noise": ["ffn_activation"]}]
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder


def last_values(folder, variant):
    rows = open_sweep(folder).evaluation(status="finished")
    chosen = rows[(rows.variant == variant) & (rows.subject == "model") & (rows.moment == "post") & (rows.task == "in_domain") & (rows.metric == "bits_per_byte")]
    return chosen.set_index("seed")["value"]


def test_differences_are_those_of_the_rows(three_seeds):
    comparison = next(c for c in Table(open_sweep(three_seeds)).against_baseline() if c.variant == "full_weights")
    expected = last_values(three_seeds, "full_weights") - last_values(three_seeds, "none")
    assert comparison.differences == pytest.approx(expected.values)
    assert expected.loc[2] - expected.loc[1] == pytest.approx(0.25)
    assert (comparison.estimate.n, comparison.estimate.unit) == (3, "seed")
    assert comparison.estimate.mean == pytest.approx(expected.mean())
    assert comparison.estimate.half_width == pytest.approx(4.302653 * expected.std(ddof=1) / np.sqrt(3), rel=1e-6)


def test_one_seed_is_compared_over_its_windows(smoke):
    comparison = next(c for c in Table(open_sweep(smoke)).against_baseline() if c.variant == "full_weights")
    expected = last_values(smoke, "full_weights") - last_values(smoke, "none")
    assert comparison.estimate.mean == pytest.approx(expected.loc[1])
    assert comparison.estimate.unit == "held-out window" and comparison.estimate.n > 10
    assert comparison.estimate.low < comparison.estimate.mean < comparison.estimate.high


def test_a_control_of_rounding_is_the_yardstick_and_no_comparison(three_seeds):
    comparisons = {c.variant: c for c in Table(open_sweep(three_seeds)).against_baseline()}
    assert comparisons["ffn_activation"].verdict == statistics.CONTROL and np.isnan(comparisons["ffn_activation"].p_holm)
    assert len(comparisons["full_weights"].rounding) == 3 and max(comparisons["full_weights"].rounding) < 1e-3
    assert next(c for c in Table(open_sweep(three_seeds)).answers() if c.variant == "ffn_activation").rounding == ()
    counted = [c.p_holm for c in comparisons.values() if not np.isnan(c.p_holm)]
    assert len(counted) == len(comparisons) - 1


def test_an_asked_control_of_rounding_is_no_comparison_to_correct_for(three_seeds, tmp_path):
    """tests/core/app/test_findings.cpp asks the same of the runner."""
    folder = tmp_path / "copy"
    shutil.copytree(three_seeds, folder)
    plan = json.loads((folder / "plan.json").read_text())
    plan["config"]["report"] = [{"ask": "All?", "variant": "full_weights", "against": "none", "noise": ["ffn_activation"]},
                                {"ask": "FFN?", "variant": "ffn_activation", "against": "none", "noise": ["ffn_activation"]}]
    (folder / "plan.json").write_text(json.dumps(plan))
    full, control = Table(open_sweep(folder)).answers()
    assert full.p_holm == full.estimate.p
    assert control.verdict == statistics.CONTROL and np.isnan(control.p_holm)


def test_rounding_is_measured_on_the_baseline_whatever_is_compared(three_seeds, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(three_seeds, folder)
    plan = json.loads((folder / "plan.json").read_text())
    plan["config"]["report"] = [{"ask": "The other way round?", "variant": "none", "against": "full_weights", "noise": ["ffn_activation"]}]
    (folder / "plan.json").write_text(json.dumps(plan))
    answer, = Table(open_sweep(folder)).answers()
    assert len(answer.rounding) == 3 and max(answer.rounding) < 1e-3 < abs(answer.estimate.mean)


def test_an_approximate_alignment_says_so(smoke):
    changes = {run.variant: run.approximate_alignment() for run in open_sweep(smoke)}
    assert changes.pop("dense_transport").startswith("beta: logits by ")
    assert changes and set(changes.values()) == {None}


def test_the_plan_says_which_runs_belong_to_the_sweep(three_seeds, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(three_seeds, folder)
    plan = json.loads((folder / "plan.json").read_text())
    gone = plan["points"].pop()
    missing = plan["points"].pop()
    shutil.rmtree(folder / missing["run_id"])
    plan["points"].append(missing)
    (folder / "plan.json").write_text(json.dumps(plan))
    states = open_sweep(folder).runs()["status"]
    assert gone["run_id"] not in states.index
    assert states[missing["run_id"]] == "pending" and (states.drop(missing["run_id"]) == "finished").all()


def test_recorded_arrays_have_runs_and_moments_as_axes(three_seeds):
    sweep = open_sweep(three_seeds)
    load = sweep.recorded("routing")["load"]
    assert load.dims == ("run", "moment", "layer", "domain", "expert")
    assert set(load["seed"].values) == {1, 2, 3} and "dense_average" not in set(load["variant"].values)
    np.testing.assert_allclose(load.sel(moment="post").sum("expert"), 1.0, rtol=1e-5)
    assert sweep.recorded("no_such_suite") is None
    assert sweep.sites() == ["ffn_in", "residual"]
    assert "raw" not in sweep.activations("residual")
    assert set(sweep.curves("sources")["name"]) == {"alpha", "beta"}
    assert sweep.expert_names("", "none") == ["alpha", "beta"] and sweep.expert_names("", "upcycled_anchor") == []


def test_a_dataset_is_what_xarray_reads(smoke):
    import xarray

    run = next(iter(open_sweep(smoke)))
    for group in ("evaluation/step_0/routing", "evaluation/step_0/activations/residual", "sources/alpha/series"):
        ours = run.dataset(group)
        with xarray.open_dataset(run.path, group=group, engine="h5netcdf", decode_cf=False) as theirs:
            assert set(ours.variables) == set(theirs.variables)
            for name in ours.data_vars:
                assert ours[name].dims == theirs[name].dims and ours[name].attrs["unit"] == theirs[name].attrs["unit"]
                np.testing.assert_array_equal(ours[name].values, theirs[name].values)


@pytest.mark.parametrize("name", report.FIGURES)
def test_a_figure_is_a_pure_function_of_results_or_says_what_is_missing(name, three_seeds):
    module = importlib.import_module(name)
    assert module.QUESTION.endswith("?") and module.CAPTION.endswith(".")
    table = Table(open_sweep(three_seeds))
    try:
        panels = module.draw(table)
    except style.Missing as missing:
        assert "\n" not in str(missing) and name in ("expert_ablation", "mode_connectivity")  # suites that smoke/alignment does not ask
        return
    first, again = ([style.svg(panel.figure) for panel in drawn] for drawn in (panels, module.draw(table)))
    assert panels and first == again
    assert all("<text" in text for text in first), "text stays text"


def test_every_figure_of_the_folder_is_in_the_report():
    assert sorted(report.FIGURES + ["style"]) == sorted(path.stem for path in (ANALYSIS / "figures").glob("*.py"))


def test_figures_know_no_path_inside_a_file():
    for path in ANALYSIS.glob("**/*.py"):
        if path.parent.name != "symphony_results":
            assert not re.search(r"h5py|evaluation/|open_dataset", path.read_text().replace('"h5py": "python3-h5py"', "")), path


def test_the_page_holds_everything_and_loads_nothing(three_seeds, tmp_path):
    target = tmp_path / "page.html"
    printed = subprocess.run([sys.executable, "-B", ANALYSIS / "report.py", three_seeds, "--to", target], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == str(target) and "left out: mode connectivity: no run has the suite" in printed
    html = target.read_text()
    assert not re.search(r"<script|<link|<img|@import|src=|url\((?!#)", html)
    assert set(re.findall(r'href="([^"#][^"]*)"', html)) == set()
    for part in ("Do FFN neurons matter?", "no significant difference", "shows rounding", "published: a gain of 2 %", f"{len(list(three_seeds.glob('*/run.h5')))} finished", "1, 2, 3", "3 seeds", "To reproduce it", "git checkout",
                 "runner --exp smoke/alignment.yaml", "fusion.slerp", "Left out", "(ensemble)", "Approximate alignments", "beta: logits by "):
        assert part in html, part
    for name in re.findall(r'id="([^"]+)"', html):
        assert html.count(f'id="{name}"') == 1, name


def test_two_sweeps_side_by_side(three_seeds, smoke, tmp_path):
    target = tmp_path / "two.html"
    command = [sys.executable, "-B", ANALYSIS / "report.py", three_seeds, "--against", smoke, "--to", target]
    subprocess.run(command, capture_output=True, text=True, check=True)
    assert "identical" in target.read_text()
    changed = Table(open_sweep(three_seeds))
    changed.sweep.plan["config"]["router"]["k"] = 1
    changes = against.settings_that_differ(changed, Table(open_sweep(smoke)))
    assert [(key, here) for key, here, _, _ in changes] == [("router.k", "1")]


def test_mistakes_are_told_in_one_line(tmp_path, smoke):
    for arguments, message in (([tmp_path], "no <run>/run.h5 below it"), ([smoke, "--metric", "accuracy"], "no finished run has the metric 'accuracy'")):
        result = subprocess.run([sys.executable, "-B", ANALYSIS / "report.py", *arguments], capture_output=True, text=True, check=False)
        assert result.returncode == 1 and message in result.stderr and len(result.stderr.splitlines()) == 1


def test_an_export_is_what_was_logged(smoke, tmp_path):
    run = next(iter(open_sweep(smoke)))
    target = tmp_path / "residual.npz"
    subprocess.run([sys.executable, "-B", ANALYSIS / "export.py", run.path, "--site", "residual", "--to", target], capture_output=True, check=True)
    with np.load(target) as archive:
        np.testing.assert_array_equal(archive["post/raw"], run.activations("post", "residual")["raw"].values)
        assert list(archive["step_0/domain"]) == ["alpha", "beta", "gamma"] and archive["step_0/token_ids"].shape == archive["step_0/raw"].shape[1:3]
    result = subprocess.run([sys.executable, "-B", ANALYSIS / "export.py", run.path, "--site", "ffn_out", "--to", target], capture_output=True, text=True, check=False)
    assert result.returncode == 1 and "no activations of 'ffn_out'; there are: ffn_in at post" in result.stderr


def test_without_packages_it_says_what_to_install(smoke):
    result = subprocess.run([sys.executable, "-B", "-S", "-I", ANALYSIS / "report.py", smoke], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "lacks h5py, pandas, xarray, matplotlib, scipy; install them with: apt-get install python3-h5py" in result.stderr


def test_the_recipes_of_the_readme_run(smoke, capsys):
    """Each alone, on a run of the smoke sweep, without our package; the phase is called post there."""
    recipes = re.findall(r"```python\n(.*?)```", (ANALYSIS / "README.md").read_text(), re.S)
    assert len(recipes) == 5
    run = next(run for run in open_sweep(smoke) if run.variant == "none")
    phase = run.children("training")[0]
    for recipe in recipes:
        assert "symphony_results" not in recipe and len(recipe.strip().splitlines()) <= 6
        exec(recipe.replace("training/router", f"training/{phase}"), {"RUN": run.path})
        assert capsys.readouterr().out.strip()


def test_a_finished_log_says_which_phases_were_left_out(smoke):
    messages = {run.variant: run.attributes()["message"] for run in open_sweep(smoke)}
    for dense in ("dense_average", "dense_transport"):
        assert messages.pop(dense) == "left out, for nothing would learn: router"
    assert messages and set(messages.values()) == {""}


def test_a_configuration_is_the_first_run_and_changes(smoke):
    sweep = open_sweep(smoke)
    assert sweep.config("", "none")["alignment"]["method"] == "none"
    assert sweep.config("", "full_weights")["alignment"]["method"] == "weight_matching"
    assert sweep.config("", "full_weights")["domains"] == sweep.config("", "none")["domains"]
    assert sweep.domains("") == ["alpha", "beta"]
