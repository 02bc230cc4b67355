"""What a finished, changed or broken sweep looks like to `runner status`, `runner table` and `runner diff`."""
import csv
import io
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import EXPERIMENT, RUNNER, SOURCE


@pytest.fixture
def sweep(finished, tmp_path):
    """A copy of the finished sweep's folder, free to be changed."""
    shutil.copytree(finished[0] / "smoke_alignment", tmp_path / "smoke_alignment")
    return tmp_path / "smoke_alignment"


def run_ids(folder):
    return [point["run_id"] for point in json.loads((folder / "plan.json").read_text())["points"]]


def change_status(folder, run_id, **changes):
    path = folder / run_id / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_no_reading_verb_opens_a_plugin(sweep):
    environment = dict(os.environ, SYMPHONY_PLUGIN_PATH="/no/such/folder")  # fatal to whoever looks for plugins
    runs = [str(sweep / name) for name in run_ids(sweep)]
    for arguments in (["status", str(sweep)], ["table", str(sweep)], ["diff", *runs]):
        done = subprocess.run([RUNNER, *arguments], cwd=SOURCE, capture_output=True, text=True, env=environment)
        assert (done.returncode, done.stderr) == (0, ""), arguments


def test_status_tells_finished_failed_dead_and_pending_runs(runner, sweep):
    first, second = run_ids(sweep)
    assert runner("status", sweep).stdout.endswith("2 runs: 2 finished\n")
    change_status(sweep, first, state="running", stage="phase 'post'")
    change_status(sweep, second, state="failed", message="fusion.slerp: opposite\nmore")
    text = runner("status", sweep).stdout
    assert text.endswith("2 runs: 1 died, 1 failed\n")
    assert " is gone; the same command goes on" in text and "fusion.slerp: opposite\n" in text and "more" not in text
    (sweep / first / "status.json").unlink()
    state = json.loads(runner("status", sweep, "--format", "json").stdout)
    assert [run["state"] for run in state["runs"]] == ["pending", "failed"]


def test_runs_of_an_earlier_file_stay_and_are_listed_as_not_in_the_plan(runner, finished, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(finished[0], copy)
    folder = copy / "smoke_alignment"
    before = run_ids(folder)
    runner(*EXPERIMENT, "router.balance=0.02", "--results", copy, "--jobs", 1)
    assert not set(before) & set(run_ids(folder))
    text = runner("status", folder).stdout
    assert text.endswith("2 runs: 2 finished; 2 more are not in the plan\n")
    for run_id in before:
        assert re.search(rf"^{re.escape(run_id)} +not in the plan ", text, re.MULTILINE)
        assert (folder / run_id / "run.h5").exists()
    assert "2 runs of this folder are not in the plan (see runner status)" in runner("table", folder).stderr


def test_a_table_of_one_seed_calls_the_spread_unknown(runner, sweep, tmp_path):
    kept = tmp_path / "kept.md"
    done = runner("table", sweep, "--write", kept)
    assert "+- 0.000" not in done.stdout
    assert "spread unknown" in kept.read_text()
    assert "Source revision" in kept.read_text() and "difference from none" in kept.read_text()
    rows = list(csv.DictReader(io.StringIO(runner("table", sweep, "--format", "csv").stdout)))
    assert [row["variant"] for row in rows[:2]] == ["none", "full_activation"]
    assert rows[1]["post spread"] == "" and float(rows[1]["difference from none half width"]) > 0
    data = json.loads(runner("table", sweep, "--format", "json", "--metrics", "bits_per_byte,load_entropy").stdout)
    model = data["rows"][1]["metrics"]
    assert model["bits_per_byte"]["difference"]["over"] == "windows" and model["bits_per_byte"]["points"]["post"]["spread"] is None
    assert model["load_entropy"]["difference"]["half_width"] is None


def test_before_a_run_is_finished_there_is_no_table(runner, sweep, tmp_path):
    for run_id in run_ids(sweep):
        change_status(sweep, run_id, state="running", stage="phase 'post'")
    done = runner("table", sweep)
    assert done.stdout == "smoke_alignment: no run is finished yet\n" and run_ids(sweep)[0] in done.stderr
    for arguments in (["--format", "json"], ["--write", tmp_path / "table.md"]):
        done = runner("table", sweep, *arguments, check=False)
        assert done.returncode != 0 and "no run is finished yet, so there is no table to make" in done.stderr
    assert not (tmp_path / "table.md").exists()


def test_a_table_is_sorted_and_its_mistakes_answered(runner, sweep):
    def variants(*arguments):
        return [row["variant"] for row in json.loads(runner("table", sweep, "--format", "json", *arguments).stdout)["rows"] if row["trained"]]

    assert variants("--sort", "post") == ["full_activation", "none"]
    assert variants("--sort", "variant") == ["full_activation", "none"]
    for arguments, message in [(["--sort", "pots"], "error: --sort: no column 'pots'; did you mean 'post'?\n"),
                               (["--metrics", "bit_per_byte"], "error: --metrics: no run has 'bit_per_byte'; did you mean 'bits_per_byte'?\n"),
                               (["--baseline", "nome"], "error: --baseline: no variant 'nome'; did you mean 'none'?\n"),
                               (["--format", "jsno"], "error: --format: got 'jsno', expected text, markdown, csv or json; did you mean 'json'?\n")]:
        done = runner("table", sweep, *arguments, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_diff_tells_settings_stages_and_numbers(runner, sweep):
    none, aligned = [sweep / name for name in run_ids(sweep)]
    text = runner("diff", none, aligned).stdout
    assert re.search(r'^alignment\.method +"none" +"activation_matching"$', text, re.MULTILINE)
    lines = {tuple(line.split()[:4]): line.split() for line in text.splitlines()}
    number = lines[("model", "post", "in_domain", "bits_per_byte")]
    assert float(number[5]) - float(number[4]) == pytest.approx(float(number[6]), rel=0.01)
    assert number[-1] == "paired"
    assert "\nalignment  " in text and " shared, " in text
    assert len(runner("diff", none, aligned, "--all").stdout.splitlines()) > len(text.splitlines())
    same = runner("diff", none, none / "run.h5").stdout
    assert "settings: the same\n" in same and ", 0 differ\n" in same


def test_diff_names_the_run_that_was_meant(runner, sweep):
    none, aligned = run_ids(sweep)
    done = runner("diff", sweep / none, sweep / (aligned + "0"), check=False)
    assert done.returncode == 3
    assert f"no run here; expected a run's folder or its run.h5; did you mean '{aligned}'?" in done.stderr
