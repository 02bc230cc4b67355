#!/usr/bin/env python3
"""solve_assignment beside scipy's linear_sum_assignment on the same saved matrices, each in a process of its own.

    cmake --build --preset release --target bench_assignment
    python3 tests/benchmarks/bench_assignment.py [--sizes 1024,4864,11008] [--kinds gauss,correlated,lowrank,ties] [--write FILE] [--keep DIR]

Prints size, kind, CPU seconds of both, their ratio, the difference of the objectives, and what the solving added to the peak memory of each
process, as a multiple of the matrix's own 4 n^2 bytes. One thread each; CPU seconds, because machines are shared. Minimisation. With --keep the
matrices (6.9 GB for all) and scipy's results stay in DIR, and a second call measures our side alone.
"""
import argparse
import contextlib
import os
import subprocess
import sys
import tempfile

import numpy as np

SCIPY = """
import resource, sys, time
import numpy as np
from scipy.optimize import linear_sum_assignment
n = int(sys.argv[1])
costs = np.fromfile(sys.argv[2], dtype=np.float32).reshape(n, n)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
start = time.process_time()
rows, columns = linear_sum_assignment(costs)
seconds = time.process_time() - start
added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
print(seconds, repr(float(costs[rows, columns].astype(np.float64).sum())), added)
"""


def make_costs(kind, n, rng):
    """gauss: unrelated weights. lowrank: rank 64. correlated: negated |correlation|, 60 % of the units planted. ties: that, rounded to
    1/128, a tenth of the units dead."""
    normal = lambda *shape: rng.standard_normal(shape, dtype=np.float32)
    if kind == "gauss":
        return normal(n, n)
    background = normal(n, 64) @ normal(64, n)
    if kind == "lowrank":
        return background / 64
    similarity = 0.15 / 8 * background + 0.02 * normal(n, n)
    perm, planted = rng.permutation(n), rng.random(n) < 0.6
    similarity[np.flatnonzero(planted), perm[planted]] += rng.uniform(0.15, 0.9, planted.sum()).astype(np.float32)
    if kind == "ties":
        similarity = np.round(similarity * 128) / 128
        similarity[rng.choice(n, n // 10, replace=False)] = 0
        similarity[:, rng.choice(n, n // 10, replace=False)] = 0
    return -np.abs(similarity).astype(np.float32)


def generate(kind, n, path):
    """In a process of its own: a child inherits its parent's peak memory, so this one must stay small."""
    subprocess.run([sys.executable, __file__, "--generate", kind, str(n), path], check=True)


def run(command):
    """The numbers that a program prints, as text."""
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()


def once(path, make):
    """The words in the file, or those that `make` gives, kept in it."""
    if not os.path.exists(path):
        words = make()
        with open(path, "w") as file:
            file.write(" ".join(words))
    with open(path) as file:
        return file.read().split()


def compare(program, kind, n, folder):
    """A line of the table."""
    matrix = os.path.join(folder, f"{kind}_{n}.f32")
    if not os.path.exists(matrix):
        generate(kind, n, matrix)
    ours_s, ours, gap, ours_bytes = map(float, run([program, str(n), matrix]))
    scipy_s, theirs, scipy_bytes = map(float, once(matrix[:-4] + ".scipy", lambda: run([sys.executable, "-c", SCIPY, str(n), matrix])))
    unit = 4 * n * n
    return (f"| {n} | {kind} | {ours_s:.3f} | {scipy_s:.3f} | {scipy_s / ours_s:.1f} | {ours - theirs:+.1e} | {gap:.0e} "
            f"| {ours_bytes / unit:.2f} | {scipy_bytes / unit:.2f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=".build/release/bin/bench_assignment")
    parser.add_argument("--sizes", default="1024,4864,8960,11008,14336")
    parser.add_argument("--kinds", default="gauss,correlated,lowrank,ties")
    parser.add_argument("--write")
    parser.add_argument("--keep", metavar="DIR")
    parser.add_argument("--generate", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.generate:
        kind, n, path = options.generate
        make_costs(kind, int(n), np.random.default_rng(int(n))).tofile(path)
        return
    lines = ["| n | kind | ours, s | scipy, s | ratio | objective difference | dual gap | memory added, ours | scipy |", "|---|---|---|---|---|---|---|---|---|"]
    print("\n".join(lines))
    for n in map(int, options.sizes.split(",")):
        for kind in options.kinds.split(","):
            with contextlib.nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory() as folder:
                lines.append(compare(options.program, kind, n, folder))
            print(lines[-1], flush=True)
    if options.write:
        with open(options.write, "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
