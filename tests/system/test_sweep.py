"""What a user relies on when a sweep is run, run again, changed, and run elsewhere."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

import h5py
import pytest

from conftest import EXPERIMENT, RUNNER, SOURCE, assert_same_runs, run_files


def stages_executed(done):
    return int(re.search(r"(\d+) stages executed", done.stdout).group(1))


def test_first_run_prints_table_findings_and_logs(finished):
    results, done = finished
    assert "difference from none" in done.stdout
    assert "full_activation" in done.stdout
    assert f"logs: {results}/smoke_alignment" in done.stdout
    assert len(run_files(results)) == 2


def test_second_run_executes_no_stage(runner, finished):
    results, _ = finished
    again = runner(*EXPERIMENT, "--results", results, "--jobs", 2)
    assert stages_executed(again) == 0
    assert "2 of 2 runs finished" in again.stdout


def test_a_router_parameter_reexecutes_only_what_depends_on_it(runner, finished, tmp_path):
    results, _ = finished
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    changed = runner(*EXPERIMENT, "router.balance=0.02", "--results", copy, "--jobs", 1)
    caches = lambda root, stage: {p.name for p in (root / ".cache" / stage).iterdir() if p.is_dir()}
    for unaffected in ["text", "source", "alignment", "assembly", "ensemble_evaluation"]:
        assert caches(copy, unaffected) == caches(results, unaffected), unaffected
    assert len(caches(copy, "phase")) == 2 * len(caches(results, "phase"))
    assert stages_executed(changed) > 0


def test_of_a_changed_file_only_the_changed_runs_are_new(runner, finished, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(finished[0], copy)
    folder = copy / "smoke_alignment"
    before = {path.parent.name: path.stat().st_mtime_ns for path in run_files(copy)}
    runner(*EXPERIMENT, "+sweep.variants.full_activation.router={balance: 0.02}", "--results", copy, "--jobs", 1)
    after = {path.parent.name: path.stat().st_mtime_ns for path in run_files(copy)}
    assert len(after) == 3 and all(after[run] == time for run, time in before.items())
    assert runner("status", folder).stdout.endswith("2 runs: 2 finished; 1 more is not in the plan\n")


def test_results_are_bit_identical_from_scratch_and_under_other_jobs(runner, finished, tmp_path):
    results, _ = finished
    runner(*EXPERIMENT, "--results", tmp_path, "--jobs", 1)
    assert_same_runs(results, tmp_path)


def test_every_run_records_its_invariances(finished):
    results, _ = finished
    for path in run_files(results):
        with h5py.File(path) as file:
            change = file["alignment/invariance/logit_change"][()]
            assert change.shape == (2,)
            assert (change <= 1e-5).all()


def test_config_and_provenance_explain_the_run(finished):
    results, _ = finished
    path = run_files(results)[0]
    status = json.loads((path.parent / "status.json").read_text())
    assert status["state"] == "finished"
    assert "alignment:" in (path.parent / "config.yaml").read_text()
    with h5py.File(path) as file:
        assert file.attrs["status"] == "finished"
        assert "provenance" in file


def test_a_failing_run_is_listed_and_fails_the_command(runner, tmp_path):
    done = runner(*EXPERIMENT, "+expect={step_0/out_of_distribution/bits_per_byte: 1.0}", "--results", tmp_path, "--jobs", 2, check=False)
    assert done.returncode != 0
    assert "numbers differ from `expect`" in done.stderr
    assert done.stderr.count("step_0/out_of_distribution/bits_per_byte: got") >= 4  # each at once and again at the end


@pytest.mark.parametrize("arguments, expected", [
    (["--exp", "smoke/alignmnt.yaml"], "did you mean 'smoke/alignment.yaml'?"),
    ([*EXPERIMENT, "router.method=top_kk"], "did you mean 'top_k'?"),
    ([*EXPERIMENT, "calibratoin.tokens=5"], "did you mean 'calibration'?"),
])
def test_mistakes_are_refused_before_anything_runs(runner, tmp_path, arguments, expected):
    done = runner(*arguments, "--results", tmp_path / "none", check=False)
    assert done.returncode == 2
    assert expected in done.stderr
    assert not (tmp_path / "none").exists()


LONGER = [*EXPERIMENT, "~sweep.variants.full_activation", "recipes.smoke.training.steps=50"]


def wait_until(holds, process, seconds=120):
    """Until `holds()`, which must come about while the process lives."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, f"ended with {process.returncode} before it was interrupted"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_an_interrupted_run_goes_on_and_ends_bit_identically(runner, tmp_path):
    whole, torn, ledger = tmp_path / "whole", tmp_path / "torn", tmp_path / "ledger"
    runner(*LONGER, "--results", whole, "--jobs", 1)
    # A worker holds still in the middle of its 25th optimiser step, so that the interruption certainly meets it there.
    hold = {"SYMPHONY_FAILPOINT": "STOP optimiser_step=25", "SYMPHONY_FAILPOINT_LEDGER": str(ledger)}
    process = subprocess.Popen([RUNNER, *map(str, [*LONGER, "--results", torn, "--jobs", 1])], cwd=SOURCE, env={**os.environ, **hold},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(ledger.exists, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "stopping: the running jobs save what they have" in err
    assert list(torn.glob(".cache/source/*.checkpoints/trainer.safetensors"))
    runner(*LONGER, "--results", torn, "--jobs", 1)
    assert_same_runs(whole, torn)
