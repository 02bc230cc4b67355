"""What survives: a sweep killed at any moment, continued by the same command, ends as if nothing had happened.

"As if" means: every HDF5 dataset outside provenance and timing and every tensor in the cache is equal bit for bit to an uninterrupted sweep's, and
no stage is computed again once it was committed.
"""
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import pytest

from conftest import EXPERIMENT, RUNNER, SOURCE, assert_same_runs

SWEEP = [*EXPERIMENT, "recipes.smoke.training.steps=30"]


def start(results, jobs=2, **environment):
    command = [RUNNER, *map(str, [*SWEEP, "--results", results, "--jobs", jobs])]
    return subprocess.Popen(command, cwd=SOURCE, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children_of(pid):
    """The processes whose parent is `pid`."""
    children = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        if int(fields[1]) == pid:
            children.append(int(entry.parent.name))
    return children


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def committed_stages(results):
    """Folder of each committed stage to what changes when it is computed again: the inode and the time of its stage.json."""
    found = {}
    for file in results.glob(".cache/*/*/stage.json"):
        if file.parent.suffix == "":
            found[file.parent] = (file.stat().st_ino, file.stat().st_mtime_ns)
    return found


def tensors(results):
    """Every tensor file of a committed stage: path below the cache to bytes."""
    cache = results / ".cache"
    return {file.relative_to(cache): file.read_bytes() for stage in committed_stages(results) for file in stage.rglob("*.safetensors")}


def assert_as_if_nothing_had_happened(torn, whole):
    assert_same_runs(whole, torn)
    assert tensors(torn) == tensors(whole)
    # A kill right after a commit leaves the checkpoints of a finished stage behind, and nothing else.
    subprocess.run([RUNNER, "prune", torn, "--yes"], check=True, capture_output=True)
    assert committed_stages(torn).keys() == {torn / folder.relative_to(whole) for folder in committed_stages(whole)}
    assert not list(torn.glob(".cache/*/*.*[!k]"))  # anything but locks


class Watch:
    """Remembers what was committed, and that it stays."""

    def __init__(self, results):
        self.results, self.seen = results, {}

    def look(self):
        now = committed_stages(self.results)
        again = [folder for folder, state in self.seen.items() if now.get(folder) != state]
        assert not again, "computed twice, or lost"
        self.seen = now


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted sweep, and how long it took."""
    results = tmp_path_factory.mktemp("whole")
    begin = time.monotonic()
    process = start(results)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return results, time.monotonic() - begin


def test_thirty_kills_at_any_time(whole, tmp_path):
    reference, duration = whole
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # shown when the test fails
    draw = random.Random(seed)
    kills, sweeps = 0, 0
    while kills < 30:
        results = tmp_path / f"torn{sweeps}"
        watch = Watch(results)
        while True:
            process = start(results)
            try:
                process.wait(timeout=draw.uniform(0, duration))
            except subprocess.TimeoutExpired:
                kills += 1
                workers = children_of(process.pid)
                victims = draw.choice(["coordinator", "a worker", "all"])
                if victims != "a worker":
                    kill(process.pid)
                for worker in workers if victims == "all" else draw.sample(workers, min(len(workers), 1)) if victims == "a worker" else []:
                    kill(worker)
            _, err = process.communicate(timeout=300)
            if process.returncode == 0:
                break
            assert process.returncode in (-signal.SIGKILL, 1), err
            watch.look()
        watch.look()
        assert_as_if_nothing_had_happened(results, reference)
        sweeps += 1
    print(f"{kills} kills over {sweeps} sweeps")


def test_a_kill_at_every_fsync_and_rename_and_inside_an_optimiser_step(whole, tmp_path):
    reference, _ = whole
    results, ledger = tmp_path / "torn", tmp_path / "ledger"
    orders = {"SYMPHONY_FAILPOINT": "KILL fsync rename renamed optimiser_step=17", "SYMPHONY_FAILPOINT_LEDGER": str(ledger)}
    watch = Watch(results)
    for _ in range(1000):
        process = start(results, jobs=1, **orders)
        _, err = process.communicate(timeout=300)
        if process.returncode == 0:
            break
        assert process.returncode in (-signal.SIGKILL, 1), err
        watch.look()
    assert process.returncode == 0
    struck = ledger.read_text().splitlines()
    assert "optimiser_step #" in struck
    for moment in ["fsync", "rename", "renamed"]:
        for what in ["plan.json", "status.json", "/.cache/phase/*", "stage.json"]:
            assert any(line.startswith(moment + " ") and what in line for line in struck), (moment, what)
    print(f"{len(struck)} kills")
    assert_as_if_nothing_had_happened(results, reference)


def phases_of_one_run(results):
    """A run's id, and the keys of phases that it alone needs."""
    plan = json.loads((results / "smoke_alignment/plan.json").read_text())
    first, second = (set(point["stages"]) for point in plan["points"])
    own = [plan["stages"][index] for index in sorted(first - second)]
    return plan["points"][0]["run_id"], [stage["key"] for stage in own if stage["name"] == "phase"]


@pytest.mark.parametrize("name, words", [("SEGV", "killed by signal 11"), ("ABRT", "killed by signal 6"), ("KILL", "the machine ran out of memory")])
def test_a_crashing_worker_fails_its_run_and_not_the_sweep(whole, tmp_path, name, words):
    reference, _ = whole
    run, keys = phases_of_one_run(reference)
    results = tmp_path / "torn"
    orders = {"SYMPHONY_FAILPOINT": f"{name} rename={results}/.cache/phase/{keys[0]}", "SYMPHONY_FAILPOINT_LEDGER": str(tmp_path / "ledger")}
    process = start(results, **orders)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "1 of 2 runs finished" in out
    assert err.count(words) == 2 and f"{run}: the worker ended with" in err  # at once, and again at the end
    status = subprocess.run([RUNNER, "status", results / "smoke_alignment"], capture_output=True, text=True, check=False)
    assert "failed" in status.stdout and words in status.stdout
    process = start(results)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert_as_if_nothing_had_happened(results, reference)


def test_two_invocations_on_one_folder_cooperate(whole, tmp_path):
    reference, _ = whole
    results = tmp_path / "shared"
    processes = [start(results, jobs=1) for _ in range(2)]
    executed = 0
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert "2 of 2 runs finished" in out
        executed += int(re.search(r"(\d+) stages executed", out).group(1))
    assert executed == len(committed_stages(reference))  # each stage by one of the two
    assert_as_if_nothing_had_happened(results, reference)


def test_stop_on_error_starts_nothing_new(whole, tmp_path):
    reference, _ = whole
    _, keys = phases_of_one_run(reference)
    results = tmp_path / "stopped"
    orders = {"SYMPHONY_FAILPOINT": f"SEGV rename={results}/.cache/phase/{keys[0]}", "SYMPHONY_FAILPOINT_LEDGER": str(tmp_path / "ledger")}
    command = [RUNNER, *map(str, [*SWEEP, "--results", results, "--jobs", 1, "--on-error", "stop"])]
    done = subprocess.run(command, cwd=SOURCE, env={**os.environ, **orders}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "0 of 2 runs finished" in done.stdout
    assert len(list(results.glob("smoke_alignment/*/run.h5"))) == 1  # the other run was not begun


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_full_disk_is_an_error_and_the_sweep_goes_on_when_there_is_room(whole, tmp_path):
    reference, _ = whole
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        results = disk / "results"
        watch = Watch(results)
        for size in ["1m", "2m", "3m"]:
            subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)
            process = start(results)
            _, err = process.communicate(timeout=300)
            assert process.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT), size
            assert "No space left on device" in err, err
            watch.look()
        subprocess.run(["mount", "-o", "remount,size=500m", disk], check=True)
        process = start(results)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        watch.look()
        assert_as_if_nothing_had_happened(results, reference)
    finally:
        subprocess.run(["umount", disk], check=True)
