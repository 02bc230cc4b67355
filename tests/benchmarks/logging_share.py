#!/usr/bin/env python3
"""What logging costs: processor seconds of one run with the default log, against the same run that logs next to nothing.

Both run from an empty results folder, interleaved, one job at a time; the medians of their processor seconds are compared. The logged run
writes a row of the training series every 5 steps and per-layer activations of every evaluated model.

    tests/benchmarks/logging_share.py [--runner .build/release/bin/runner] [--repeats 3]
"""
import argparse
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
EXPERIMENT = ["--exp", "baselines/btx.yaml", "training.phases=[{name: post, train: all, steps: 100}]",
              "+logging={every: 5, activations: {sites: [ffn_in, residual], tokens: 256}}"]
SILENT = ["logging.every=1000000", "logging.activations.sites=[]"]


def cpu_seconds(runner, arguments):
    results = tempfile.mkdtemp(prefix="symphony_logging_")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([runner, *arguments, "--results", results, "--jobs", "1", "--quiet"], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(results)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", default=str(SOURCE / ".build/release/bin/runner"))
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    logged, silent = [], []
    for repeat in range(options.repeats):
        silent.append(cpu_seconds(options.runner, EXPERIMENT + SILENT))
        logged.append(cpu_seconds(options.runner, EXPERIMENT))
        print(f"repeat {repeat + 1}: with logging {logged[-1]:.1f} s, without {silent[-1]:.1f} s, ratio {logged[-1] / silent[-1]:.3f}", flush=True)
    ratio = statistics.median(logged) / statistics.median(silent)
    print(f"median: {statistics.median(logged):.1f} s against {statistics.median(silent):.1f} s: logging takes {100 * (1 - 1 / ratio):.1f} % of the run")


if __name__ == "__main__":
    main()
