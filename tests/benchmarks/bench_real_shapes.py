#!/usr/bin/env python3
"""Merging checkpoints of real shapes through the runner, against the time in which the disk copies the same bytes.

    tests/benchmarks/bench_real_shapes.py [--shape qwen2.5-0.5b|qwen2.5-1.5b] [--case linear slerp weight_matching moe] [--threads 2] [--folder /tmp]

Writes random bfloat16 checkpoints of the shape (0.5B: 1 GB each, 1.5B: 3 GB) as Hugging Face directories and merges them: the mean of two, the spherical
mean of two, the mean of two after matching weights, and a Mixture-of-Experts of four; each ends with the merged model on disk in bfloat16. The copy reads
the same source files and writes as many bytes as the merge did, synchronised; both start with the sources outside the page cache. Prints for every case the
wall and processor time, the copy's, their ratio, the peak of anonymous memory, the promise (3 times the largest tensor in float32 and 512 MiB), and what
each stage took. Everything is removed at the end, but for the sources under --sources; needs the disk space of the sources and twice that of the largest
result.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/support"))
from random_checkpoint import SHAPES, write_checkpoint  # noqa: E402

NAMES = ["alpha", "beta", "gamma", "delta"]
BLOCK = 16 << 20
CASES = {  # number of sources, what the experiment says
    "linear": (2, "experts: dense"),
    "slerp": (2, "experts: dense\nfusion: { embedding: slerp, attention: slerp, norm: slerp, lm_head: slerp, ffn: slerp }"),
    "weight_matching": (2, "experts: dense\nalignment: { method: weight_matching, scope: [ffn, attention_heads] }"),
    "moe": (4, "experts: separate"),
}


def tensor_files(folder):
    return sorted(pathlib.Path(folder).glob("*.safetensors"))


def forget(paths):
    """Puts files out of the page cache."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def copy_seconds(inputs, written, target):
    """Reads all inputs and writes the first `written` bytes of them to one file, synchronised."""
    forget(inputs)
    begin, left = time.perf_counter(), written
    with open(target, "wb", buffering=0) as out:
        for path in inputs:
            with open(path, "rb", buffering=0) as file:
                while block := file.read(BLOCK):
                    out.write(block[:left])
                    left -= min(left, len(block))
        os.fsync(out.fileno())
    seconds = time.perf_counter() - begin
    target.unlink()
    assert left == 0, "the result is larger than its sources"
    return seconds


def write_experiment(folder, sources, name, threads):
    count, text = CASES[name]
    models = "".join(f"    {source}: {{ train: null, checkpoint: {sources}/{source} }}\n" for source in NAMES[:count])
    path = folder / f"{name}.yaml"
    path.write_text(f"""include: [{SOURCE}/experiments/smoke/base.yaml]
name: {name}
threads: {threads}
sources:
  models:
{models}calibration: {{ tokens: 64, length: 16 }}
training: {{ phases: [] }}
eval: []
export: {{ dtype: bfloat16 }}
{text}
""")
    return path


def run_case(runner, folder, sources, name, threads):
    """Wall and processor seconds, peak of anonymous memory, what each stage recorded, the source files, bytes of the result."""
    inputs = [file for source in NAMES[:CASES[name][0]] for file in tensor_files(sources / source)]
    results = folder / f"results_{name}"
    experiment = write_experiment(folder, sources, name, threads)
    forget(inputs)
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([runner, "--exp", experiment, "--results", results, "--jobs", "1", "--quiet"], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    jobs = [json.loads(path.read_text()) for path in results.glob(f"{name}/.jobs/*/*.json")]
    statuses = [json.loads(path.read_text()) for path in results.glob(f"{name}/*/status.json")]
    peak = max(entry["peak_memory_bytes"] for entry in jobs + statuses)
    stages = {path.parent.parent.name: json.loads(path.read_text()) for path in results.glob(".cache/*/*/stage.json")}
    written = sum(path.stat().st_size for path in results.glob(".cache/export/*/model/*.safetensors"))
    shutil.rmtree(results)
    return wall, processor, peak, stages, inputs, written


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=SOURCE / ".build/release/bin")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="qwen2.5-0.5b")
    parser.add_argument("--layers", type=int, help="instead of the shape's own")
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=pathlib.Path, help="on the disk to be measured; default: the one for temporary files")
    parser.add_argument("--sources", type=pathlib.Path, help="a folder where sources are kept for another time")
    given = parser.parse_args()
    hidden, _, _, _, ffn, vocab, _ = SHAPES[given.shape]
    promise = 3 * 4 * hidden * max(vocab, ffn) + (512 << 20)
    with tempfile.TemporaryDirectory(prefix="symphony_shapes_", dir=given.folder) as name:
        folder = pathlib.Path(name)
        sources = (given.sources or folder).resolve()
        for index in range(max(CASES[case][0] for case in given.case)):
            if not (sources / NAMES[index]).exists():
                write_checkpoint(sources / NAMES[index], given.shape, given.layers, seed=index, dtype="bfloat16")
        for case in given.case:
            wall, processor, peak, stages, inputs, written = run_case(given.bin.resolve() / "runner", folder, sources, case, given.threads)
            copied = copy_seconds(inputs, written, folder / "copy")
            read = sum(path.stat().st_size for path in inputs)
            print(f"{given.shape} {case}: {wall:.1f} s ({processor:.1f} s of CPU), copy of {read / 1e9:.2f} GB to {written / 1e9:.2f} GB {copied:.1f} s: {wall / copied:.1f} x; "
                  f"peak {peak / 2**20:.0f} MiB of {promise / 2**20:.0f} promised; {given.threads} threads")
            print("    " + ", ".join(f"{name} {stage['wall_seconds']:.1f} s ({stage['cpu_seconds']:.1f} s)" for name, stage in sorted(stages.items())), flush=True)


if __name__ == "__main__":
    main()
