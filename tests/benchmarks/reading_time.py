#!/usr/bin/env python3
"""Seconds that `runner status` and `runner table` take on a sweep of many runs.

A smoke sweep of two variants is run, and its folder multiplied: copies of its run folders under new names, in a plan of as many variants under four
seeds. Prints the median of some repetitions, after one that warms the page cache, and what starting the runner costs alone.

    tests/benchmarks/reading_time.py [--runs 1000] [--repeats 5] [--runner .build/release/bin/runner]
"""
import argparse
import json
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
EXPERIMENT = ["--exp", "smoke/routing.yaml", "sweep.variants={top_k: {}, switch: {router: {method: switch}}}"]
SEEDS = 4


def multiply(folder, num_runs):
    """Makes the sweep in `folder` one of `num_runs` runs."""
    plan = json.loads((folder / "plan.json").read_text())
    templates = plan["points"]
    plan["points"], plan["items"] = [], []
    for index in range(num_runs):
        template = templates[(index // SEEDS) % len(templates)]
        variant, seed = f"{template['variant']}_{index // SEEDS}", index % SEEDS + 1
        point = dict(template, run_id=f"{variant}.s{seed}-{index:08x}", variant=variant, seed=seed)
        shutil.copytree(folder / template["run_id"], folder / point["run_id"])
        plan["points"].append(point)
    plan["baseline"] = plan["points"][0]["variant"]
    for template in templates:
        shutil.rmtree(folder / template["run_id"])
    (folder / "plan.json").write_text(json.dumps(plan))


def seconds(command):
    """Wall and processor seconds of a command; the latter are what it takes on a machine that has nothing else to do."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=SOURCE, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", default=str(SOURCE / ".build/release/bin/runner"))
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="symphony_reading_") as results:
        subprocess.run([options.runner, *EXPERIMENT, "--results", results, "--jobs", "1", "--quiet"], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
        folder = pathlib.Path(results) / "smoke_routing"
        multiply(folder, options.runs)
        commands = {"runner --version": [options.runner, "--version"], "runner status": [options.runner, "status", str(folder)],
                    "runner table": [options.runner, "table", str(folder)]}
        for name, command in commands.items():
            seconds(command)
            walls, processor = zip(*[seconds(command) for _ in range(options.repeats)])
            print(f"{name:18} {options.runs} runs: median {statistics.median(walls):.2f} s of {options.repeats} ({min(walls):.2f} to {max(walls):.2f} s), "
                  f"{statistics.median(processor):.2f} s of one processor", flush=True)


if __name__ == "__main__":
    main()
