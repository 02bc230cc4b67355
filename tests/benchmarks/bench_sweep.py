#!/usr/bin/env python3
"""What sweeps cost beside the work itself: planning, starting up, runs that do nothing, a finished sweep, and what sharing stages saves.

    cmake --build --preset release --target bench_startup
    tests/benchmarks/bench_sweep.py [--bin .build/release/bin] [--experiment smoke/alignment.yaml] [--measured results/alignment]

Every figure is the best of a few repetitions: wall time, and behind it the processor time, which other work on the machine disturbs less.
"""
import argparse
import json
import pathlib
import resource
import subprocess
import tempfile
import time
from typing import NamedTuple

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Seconds(NamedTuple):
    """Wall and processor seconds of a command and its children."""
    wall: float
    cpu: float

    def __str__(self):
        return f"{self.wall:.2f} s ({self.cpu:.2f} s of CPU)"


def seconds(command, repeats=3):
    """The fastest of some runs of the command."""
    times = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        subprocess.run(command, cwd=SOURCE, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wall = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(Seconds(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return Seconds(min(one.wall for one in times), min(one.cpu for one in times))


def experiment(folder, name, text):
    path = folder / f"{name}.yaml"
    path.write_text(f"include: [{SOURCE}/experiments/smoke/base.yaml]\nname: {name}\n{text}")
    return path


def planning(runner, folder):
    for points, balances in [(100, 10), (10_000, 1000)]:
        values = ", ".join(f"{index / 1e4:g}" for index in range(balances))
        path = experiment(folder, f"plan{points}", f"sweep: {{ grid: {{ router.balance: [{values}], fusion.attention: [average, slerp], calibration.tokens: [1024, 2048, 4096, 8192, 16384] }} }}\n")
        plan, check = seconds([runner, "plan", "--exp", path], 2), seconds([runner, "check", "--exp", path], 2)
        print(f"plan {points:>6} points: {plan}; check them: {check}")


def start_up(runner, bare):
    alone = seconds([bare], 5)
    print(f"LibTorch alone: {alone}")
    for words in [["--help"], ["list"], ["check", "--exp", "smoke/alignment.yaml"], ["plan", "--exp", "smoke/alignment.yaml"]]:
        taken = seconds([runner, *words], 5)
        print(f"  runner {' '.join(words):<36} {taken}, {taken.wall / alone.wall:.2f} x ({taken.cpu / alone.cpu:.2f} x of CPU)")


def empty_runs(runner, folder):
    """Runs whose stages have nothing to do: what is left is starting a worker, its log and its commits."""
    count = 20
    seeds = ", ".join(str(seed) for seed in range(1, count + 1))
    path = experiment(folder, "noop", "recipes: { smoke: { training: { steps: 1, batch_size: 1, sequence_length: 8 } } }\n"
                      f"training: {{ phases: [] }}\neval: []\nexperts: dense\ncalibration: {{ tokens: 64, length: 8 }}\nseeds: [{seeds}]\n")
    taken = seconds([runner, "--exp", path, "--results", folder / "noop", "--jobs", "1", "--quiet"], 1)
    print(f"a run that does nothing: {Seconds(taken.wall / count, taken.cpu / count)} ({count} runs, one job at a time, two trained sources of one step each)")


def stage_sums(results):
    """Seconds of a finished sweep's stages: each once, and each as often as a run uses it."""
    plan = json.loads((results / "plan.json").read_text())
    took = [json.loads((results.parent / ".cache" / stage["name"] / stage["key"] / "stage.json").read_text())["wall_seconds"] for stage in plan["stages"]]
    return sum(took), sum(took[index] for point in plan["points"] for index in point["stages"]), len(plan["points"])


def sharing(runner, folder, name):
    """One sweep against its runs one by one with cold caches, one job at a time."""
    together = folder / "together"
    command = [runner, "--exp", name, "--results", together, "--jobs", "1", "--quiet"]
    one, again = seconds(command, 1), seconds(command, 3)
    results = next(together.glob("*/plan.json")).parent
    once, anew, runs = stage_sums(results)
    print(f"{name}: as one sweep {one}; its stages once {once:.1f} s, for every run anew {anew:.1f} s")
    print(f"  the finished sweep again: {again} ({runs} runs)")
    plan = json.loads((results / "plan.json").read_text())
    variants = sorted({point["variant"] for point in plan["points"]})
    apart_wall = apart_cpu = 0.0
    for variant in variants:
        others = [f"~sweep.variants.{other}" for other in variants if other != variant]
        rest = ["~sweep.baseline"] if variant != plan["baseline"] else []
        apart = seconds([runner, "--exp", name, *others, *rest, "--results", folder / f"apart_{variant}", "--jobs", "1", "--quiet"], 1)
        apart_wall, apart_cpu = apart_wall + apart.wall, apart_cpu + apart.cpu
    print(f"  its runs one by one with cold caches: {Seconds(apart_wall, apart_cpu)}; one sweep takes {one.wall / apart_wall:.2f} of that ({one.cpu / apart_cpu:.2f} of the CPU)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=SOURCE / ".build/release/bin")
    parser.add_argument("--experiment", default="smoke/alignment.yaml")
    parser.add_argument("--measured", type=pathlib.Path, help="a finished sweep: what sharing saved there, by the times its stages recorded; nothing is run")
    given = parser.parse_args()
    if given.measured:
        once, anew, runs = stage_sums(given.measured)
        print(f"{given.measured}: {runs} runs, stages once {once:.0f} s, for every run anew {anew:.0f} s; one sweep takes {once / anew:.2f} of that")
        return
    runner = given.bin / "runner"
    with tempfile.TemporaryDirectory(prefix="symphony_bench_") as name:
        folder = pathlib.Path(name)
        start_up(runner, given.bin / "bench_startup")
        planning(runner, folder)
        empty_runs(runner, folder)
        sharing(runner, folder, given.experiment)


if __name__ == "__main__":
    main()
