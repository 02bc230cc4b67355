"""A sweep as Slurm job arrays: the scripts, and a real Slurm of one node on which tasks run out of time, are killed and are finished."""
import json
import os
import pathlib
import re
import signal

import pytest

import slurm_cluster
from conftest import EXPERIMENT, assert_same_runs, run_files
from slurm_cluster import wait_until


def require_cluster():
    """Skips where a Slurm cannot be brought up; fails instead where the test was asked for."""
    missing = slurm_cluster.missing_programs()
    reason = "needs root" if os.geteuid() != 0 else f"{', '.join(missing)} not installed (core/setup/debian.sh --tests)" if missing else None
    if reason is None:
        return
    if os.environ.get("CI") or os.environ.get("SYMPHONY_REQUIRE_SLURM"):
        pytest.fail(f"a real Slurm is required here: {reason}")
    pytest.skip(f"a real Slurm of one node: {reason}")


@pytest.fixture
def cluster(tmp_path):
    require_cluster()
    folder = tmp_path / "slurm"
    folder.mkdir()
    with slurm_cluster.Cluster(folder) as running:
        yield running


def job_reports(results):
    """The latest of every job."""
    latest = {}
    for path in results.glob("smoke_alignment/.jobs/*/*.json"):
        job = json.loads(path.read_text())
        if job["heartbeat"] >= latest.get(path.parent, job)["heartbeat"]:
            latest[path.parent] = job
    return list(latest.values())


def stopped_worker(results, ledger, place, cluster):
    """The report of the worker that stopped itself at a failpoint."""
    def stopped():
        cluster.release_requeued()
        if not ledger.exists() or f"\n{place} " not in "\n" + ledger.read_text():
            return None
        return next((job for job in job_reports(results) if job["state"] == "running" and process_state(job["pid"]) == "T"), None)
    return wait_until(stopped, f"a worker stopped at a place '{place}'", 240)


def process_field(pid, field):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return None
    return re.search(rf"^{field}:\s+(\S+)", text, re.MULTILINE).group(1)


def process_state(pid):
    return process_field(pid, "State")


def has_pending(pid, number):
    return any(int(process_field(pid, mask), 16) >> (number - 1) & 1 for mask in ["SigPnd", "ShdPnd"])


def restarts(cluster, task):
    return int(re.search(r"Restarts=(\d+)", cluster.call("scontrol", "show", "job", task)).group(1))


def committed(results):
    """Every committed stage and when it was."""
    return {path: path.stat().st_mtime_ns for path in results.glob(".cache/*/*/stage.json")}


def test_a_sweep_survives_the_time_limit_and_a_kill_and_ends_as_a_local_one(runner, cluster, finished, tmp_path):
    results, ledger = tmp_path / "cluster", tmp_path / "ledger"
    submit = [*EXPERIMENT, "--results", results, "--slurm", "slurm.throttle=1", "slurm.time=30"]
    # Workers stop themselves in the training of a source, and when a run has begun, so that what follows happens exactly there.
    run = re.search(r"^# task 0: (\S+\.s1-\w+)$", runner(*submit, "--dry-run").stdout, re.MULTILINE).group(1)
    begun = f"{results}/smoke_alignment/{run}/config.yaml"
    stops = {"SYMPHONY_FAILPOINT": f"STOP optimiser_step=30 rename={begun}", "SYMPHONY_FAILPOINT_LEDGER": str(ledger)}
    first = runner(*submit, environment={**cluster.environment, **stops})
    jobs = re.findall(r"job (\d+): ", first.stdout)
    assert len(jobs) >= 2 and "2 runs" in first.stdout
    assert not run_files(results), "the command returned before anything ran"

    # Out of time: the notice, as Slurm gives it before the time limit, while a source is trained.
    worker = stopped_worker(results, ledger, "optimiser_step", cluster)
    assert worker["label"].startswith("train") and worker["slurm_job"].split("_")[0] in jobs
    cluster.call("scancel", "--batch", "--signal=USR1", worker["slurm_job"])
    wait_until(lambda: has_pending(worker["pid"], signal.SIGTERM), "the notice, passed on to the worker")
    os.kill(worker["pid"], signal.SIGCONT)
    wait_until(lambda: restarts(cluster, worker["slurm_job"]) == 1, "the task to go back into the queue")
    assert list(results.glob(".cache/source/*.checkpoints/trainer.safetensors")), "it saved what it had"

    # The same command again while tasks are in the queue submits none of them twice.
    cluster.release_requeued()
    again = runner(*submit, environment={**cluster.environment, **stops})
    assert "0 jobs submitted to Slurm" in again.stdout

    # Killed: a task that has begun a run. The other tasks go on.
    killed = stopped_worker(results, ledger, "rename", cluster)
    assert killed["label"] == run
    os.kill(killed["pid"], signal.SIGKILL)
    cluster.wait_until_empty()
    states = {path.parent.name: json.loads(path.read_text())["state"] for path in results.glob("smoke_alignment/*/status.json")}
    assert states.pop(killed["label"]) == "running"
    assert list(states.values()) == ["finished"]

    # Finished by the same command: only what is left, nothing committed is computed again.
    before = committed(results)
    second = runner(*submit, environment=cluster.environment)
    assert "1 jobs submitted to Slurm" in second.stdout
    cluster.wait_until_empty()
    assert before.items() <= committed(results).items()
    assert {job["state"] for job in job_reports(results)} == {"done"}
    third = runner(*submit, environment=cluster.environment)
    assert "all 2 runs are finished" in third.stdout and "difference from none" in third.stdout
    assert sorted(path.name for path in (results / "smoke_alignment/.slurm").iterdir()) == ["1", "2"]

    assert_same_runs(finished[0], results)


def test_a_cancelled_task_saves_and_stays_out_of_the_queue(runner, cluster, tmp_path):
    results, ledger = tmp_path / "with space", tmp_path / "ledger"
    stops = {"SYMPHONY_FAILPOINT": "STOP optimiser_step=30", "SYMPHONY_FAILPOINT_LEDGER": str(ledger)}
    submitted = runner(*EXPERIMENT, "--results", results, "--slurm", "slurm.throttle=1", environment={**cluster.environment, **stops})
    withdraw = re.search(r"withdraw: (scancel .*)", submitted.stdout).group(1)
    worker = stopped_worker(results, ledger, "optimiser_step", cluster)
    # Slurm itself wakes a stopped task (SIGCONT) before it ends it (SIGTERM).
    cluster.call(*withdraw.split())
    cluster.wait_until_empty()
    assert restarts(cluster, worker["slurm_job"]) == 0
    assert "interrupted" in {job["state"] for job in job_reports(results)}
    assert list(results.glob(".cache/source/*.checkpoints/trainer.safetensors"))
    assert not run_files(results)


def test_a_failed_stage_fails_its_runs_with_its_message(runner, cluster, tmp_path):
    results = tmp_path / "results"
    runner(*EXPERIMENT, "domains.beta.command=[/bin/false]", "--results", results, "--slurm", environment=cluster.environment)
    cluster.wait_until_empty()
    failed = {job["label"]: job["message"] for job in job_reports(results) if job["state"] == "failed"}
    runs = [label for label in failed if ".s1-" in label]
    assert len(runs) == 2
    for label in runs:
        assert "which failed: " in failed[label] and "/bin/false" in failed[label]
    status = runner("status", results / "smoke_alignment").stdout
    assert status.count("failed") >= 2 and "/bin/false" in status


def test_dry_run_prints_the_scripts_and_writes_nothing(runner, tmp_path):
    done = runner(*EXPERIMENT, "--results", tmp_path / "with space", "--slurm", "--dry-run", "slurm.time=1:30:00", "slurm.throttle=3",
                  "slurm.options=[--account=moe]")
    assert not (tmp_path / "with space").exists()
    assert f"==> {tmp_path}/with space/smoke_alignment/.slurm/1/array1.sh <==" in done.stdout
    for line in ["#SBATCH --time=1:30:00", "#SBATCH --account=moe", "#SBATCH --array=0-1%3", "# task 1: "]:
        assert line in done.stdout.split("\n") or f"\n{line}" in done.stdout, line
    assert f"--plan '{tmp_path}/with space/smoke_alignment/.slurm/1/plan.json' --index" in done.stdout


def test_a_shell_loop_over_the_plan_does_the_same(runner, finished, tmp_path):
    """The entry point of a task, without any scheduler."""
    results, _ = finished
    plan = json.loads((results / "smoke_alignment/plan.json").read_text())
    plan["results"] = str(tmp_path)
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    for index in range(len(plan["items"])):
        runner("--plan", tmp_path / "plan.json", "--index", index)
    assert_same_runs(results, tmp_path)


@pytest.mark.parametrize("arguments, expected", [
    (["--slurm", "slurm.time=90s"], "slurm.time: got '90s', expected MINUTES, MINUTES:SECONDS"),
    (["--slurm", "slurm.tiem=90"], "slurm.tiem: unknown key 'tiem'; did you mean 'time'?"),
    (["--slurm", "slurm.cpus=1", "threads=2"], "slurm.cpus: got 1, the experiment computes with 2 threads"),
    (["--slurm", "--jobs", "2"], "--jobs: counts local workers"),
    (["--dry-run"], "--dry-run: expected together with --slurm"),
])
def test_mistakes_are_refused_before_anything_is_written(runner, tmp_path, arguments, expected):
    done = runner(*EXPERIMENT, *arguments, "--results", tmp_path / "none", check=False)
    assert done.returncode == 2
    assert expected in done.stderr
    assert not (tmp_path / "none").exists()


def test_without_slurm_the_command_says_what_to_do(runner, tmp_path):
    done = runner(*EXPERIMENT, "--slurm", "--results", tmp_path / "none", check=False, environment={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "--slurm: no sbatch in PATH" in done.stderr and "--dry-run" in done.stderr
    assert not (tmp_path / "none").exists()
