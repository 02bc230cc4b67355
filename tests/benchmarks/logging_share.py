#!/usr/bin/env python3
"""What logging costs: processor seconds of one run with a log, against the same run that logs next to nothing.

Three logs are compared with none: the training series alone, with the statistics of every site of every evaluated model over all evaluated tokens, and
with raw activations at the default budget beside that of the default sites. All run from an empty results folder, interleaved, one job at a time; processor
seconds, so that other work on the machine counts little; medians of the repeats, and of the paired ratios.

    tests/benchmarks/logging_share.py [--runner .build/release/bin/runner] [--repeats 3] [--steps N]
"""
import argparse
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ALL_SITES = "[embedding, residual_in, attention_out, ffn_in, ffn_gate, ffn_hidden, ffn_out, residual, router_logits, router_choices, router_weights]"
SILENT = "+logging={every: 1000000}"
LOGS = {"series": "+logging={every: 5}",
        "statistics of all sites": f"+logging={{every: 5, activations: {{sites: {ALL_SITES}, tokens: 0}}}}",
        "raw at the default budget": "+logging={every: 5, activations: {sites: [ffn_in, ffn_hidden, residual]}}"}


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
    parser.add_argument("--exp", default="baselines/btx.yaml")
    parser.add_argument("--steps", type=int, help="of the sources' training, instead of the recipe's")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    experiment = ["--exp", options.exp, "training.phases=[{name: post, train: all, steps: 100}]"]
    if options.steps:
        experiment.append(f"recipes.tiny.training.steps={options.steps}")
    seconds = {name: [] for name in ("none", *LOGS)}
    for repeat in range(options.repeats):
        for name in seconds:
            seconds[name].append(cpu_seconds(options.runner, [*experiment, LOGS.get(name, SILENT)]))
        print(f"repeat {repeat + 1}: " + ", ".join(f"{name} {values[-1]:.1f} s" for name, values in seconds.items()), flush=True)
    for name in LOGS:
        share = statistics.median(1 - none / logged for none, logged in zip(seconds["none"], seconds[name]))
        print(f"{name}: {statistics.median(seconds[name]):.1f} s against {statistics.median(seconds['none']):.1f} s, logging takes {100 * share:.1f} % of the run")


if __name__ == "__main__":
    main()
