#!/usr/bin/env python3
"""What sweeps cost beside the work itself: planning, starting up, runs that do nothing, a finished sweep, and what sharing stages saves.

    cmake --build --preset release --target bench_startup
    tests/benchmarks/bench_sweep.py [--bin .build/release/bin] [--experiment smoke/alignment.yaml]

Every figure is the best of a few repetitions, measured beside the others on the same machine.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def seconds(command, repeats=3):
    """Wall time of the fastest of some runs of the command."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        subprocess.run(command, cwd=SOURCE, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - begin)
    return min(times)


def experiment(folder, name, text):
    path = folder / f"{name}.yaml"
    path.write_text(f"include: [{SOURCE}/experiments/smoke/base.yaml]\nname: {name}\n{text}")
    return path


def planning(runner, folder):
    for points, balances in [(100, 10), (10_000, 1000)]:
        values = ", ".join(f"{index / 1e4:g}" for index in range(balances))
        path = experiment(folder, f"plan{points}", f"sweep: {{ grid: {{ router.balance: [{values}], fusion.attention: [average, slerp], calibration.tokens: [1024, 2048, 4096, 8192, 16384] }} }}\n")
        plan, check = seconds([runner, "plan", "--exp", path], 2), seconds([runner, "check", "--exp", path], 2)
        print(f"plan {points:>6} points: {plan:.2f} s; check them: {check:.2f} s")


def start_up(runner, bare):
    alone = seconds([bare], 5)
    print(f"LibTorch alone: {alone:.3f} s")
    for words in [["--help"], ["list"], ["check", "--exp", "smoke/alignment.yaml"], ["plan", "--exp", "smoke/alignment.yaml"]]:
        taken = seconds([runner, *words], 5)
        print(f"  runner {' '.join(words):<36} {taken:.3f} s, {taken / alone:.2f} x")


def empty_runs(runner, folder):
    """Runs whose stages have nothing to do: what is left is starting a worker, its log and its commits."""
    count = 20
    seeds = ", ".join(str(seed) for seed in range(1, count + 1))
    path = experiment(folder, "noop", "recipes: { smoke: { training: { steps: 1, batch_size: 1, sequence_length: 8 } } }\n"
                      f"training: {{ phases: [] }}\neval: []\nexperts: dense\ncalibration: {{ tokens: 64, length: 8 }}\nseeds: [{seeds}]\n")
    begin = time.perf_counter()
    subprocess.run([runner, "--exp", path, "--results", folder / "noop", "--jobs", "1", "--quiet"], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
    print(f"a run that does nothing: {(time.perf_counter() - begin) / count:.2f} s ({count} runs, one job at a time, two trained sources of one step each)")


def sharing(runner, folder, name):
    """One sweep against its runs one by one with cold caches, one job at a time."""
    together = folder / "together"
    one = seconds([runner, "--exp", name, "--results", together, "--jobs", "1", "--quiet"], 1)
    again = seconds([runner, "--exp", name, "--results", together, "--jobs", "1", "--quiet"], 3)
    plan = json.loads(next(together.glob("*/plan.json")).read_text())
    print(f"a finished sweep again: {again:.2f} s ({len(plan['points'])} runs)")
    stage_seconds = [json.loads((together / ".cache" / stage["name"] / stage["key"] / "stage.json").read_text())["wall_seconds"] for stage in plan["stages"]]
    apart_stages = sum(stage_seconds[index] for point in plan["points"] for index in point["stages"])
    print(f"{name}: as one sweep {one:.1f} s; its stages once {sum(stage_seconds):.1f} s, for every run anew {apart_stages:.1f} s")
    variants = sorted({point["variant"] for point in plan["points"]})
    apart = 0.0
    for variant in variants:
        others = [f"~sweep.variants.{other}" for other in variants if other != variant]
        rest = ["~sweep.baseline"] if variant != plan["baseline"] else []
        apart += seconds([runner, "--exp", name, *others, *rest, "--results", folder / f"apart_{variant}", "--jobs", "1", "--quiet"], 1)
    print(f"  its runs one by one with cold caches: {apart:.1f} s; one sweep takes {one / apart:.2f} of that")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=SOURCE / ".build/release/bin")
    parser.add_argument("--experiment", default="smoke/alignment.yaml")
    given = parser.parse_args()
    runner = given.bin / "runner"
    with tempfile.TemporaryDirectory(prefix="symphony_bench_") as name:
        folder = pathlib.Path(name)
        start_up(runner, given.bin / "bench_startup")
        planning(runner, folder)
        empty_runs(runner, folder)
        sharing(runner, folder, given.experiment)


if __name__ == "__main__":
    main()
