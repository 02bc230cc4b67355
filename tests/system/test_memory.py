"""Predicted peak memory against the measured peak of anonymous memory, within a factor of 1.5 either way; and merging, whose peak must not grow with
the depth of the models."""
import json
import pathlib
import subprocess
import sys

import pytest

from conftest import RUNNER, SOURCE, merge_of_checkpoints

sys.path.insert(0, str(SOURCE / "tests/support"))
from byte_tokenizer import byte_tokenizer  # noqa: E402
from random_checkpoint import SHAPES, write_checkpoint  # noqa: E402

SMOKE = sorted(path.stem for path in (SOURCE / "experiments/smoke").glob("*.yaml") if path.stem != "base")


def predicted_and_measured(results):
    """By run: bytes of the plan's item, and of the process that carried it out."""
    plan_file = next(results.glob("*/plan.json"))
    plan = json.loads(plan_file.read_text())
    for item in plan["items"]:
        if item["kind"] == "run":
            run = plan["points"][item["point"]]["run_id"]
            status = json.loads((plan_file.parent / run / "status.json").read_text())
            assert status["state"] == "finished"
            yield run, item["peak_memory_bytes"], status["peak_memory_bytes"]


def assert_near(results):
    runs = list(predicted_and_measured(results))
    assert runs
    for run, predicted, measured in runs:
        print(f"{run}: predicted {predicted / 2**20:.0f} MiB, measured {measured / 2**20:.0f} MiB")
    assert not [run for run, predicted, measured in runs if not 1 / 1.5 <= predicted / measured <= 1.5]


def run_experiment(*arguments):
    done = subprocess.run([RUNNER, *map(str, arguments)], cwd=SOURCE, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SMOKE)
def test_smoke_experiments_take_what_was_predicted(name, tmp_path):
    run_experiment("--exp", f"smoke/{name}.yaml", "--results", tmp_path, "--jobs", 2)
    assert_near(tmp_path)


def test_a_merge_at_the_shapes_of_half_a_billion_parameters_takes_what_was_predicted(tmp_path):
    # Four of Qwen2.5-0.5B's 24 layers: the largest tensors, which decide, are outside the layers, and the statistics of each layer take their time.
    for seed, name in enumerate(["alpha", "beta"]):
        write_checkpoint(tmp_path / name, "qwen2.5-0.5b", layers=4, seed=seed)
    experiment = merge_of_checkpoints(tmp_path, """
calibration: { tokens: 512, length: 64 }
experts: dense
training: { phases: [] }
windows: { length: 65, in_domain: 1, out_of_distribution: 1 }
""")
    run_experiment("--exp", experiment, "--results", tmp_path / "results", "--jobs", 1)
    assert_near(tmp_path / "results")


MERGE = """
calibration: { tokens: 64, length: 16 }
training: { phases: [] }
eval: []
export: { dtype: bfloat16 }
"""
TENSORS = 3  # in float32, that a merge may hold
FFN_AND_HEADS = "alignment: { method: weight_matching, scope: [ffn, attention_heads] }\n"
STREAM = "experts: dense\nalignment: { method: weight_matching, scope: [residual] }\n"


def merge_peak(folder, settings, shape="wide-vocabulary", layers=2, others=(), tokenizers=()):
    """Peak of anonymous memory of aligning by weights, fusing, assembling and writing the result."""
    folder.mkdir()
    for seed, name in enumerate(["alpha", "beta", *others]):
        write_checkpoint(folder / name, shape, layers=layers, seed=seed)
    for name, tokenizer in zip(["alpha", "beta"], tokenizers):
        (folder / name / "tokenizer.json").write_text(json.dumps(tokenizer))
    experiment = merge_of_checkpoints(folder, MERGE + settings, others)
    run_experiment("--exp", experiment, "--results", folder / "results", "--jobs", 1)
    (_, _, measured), = predicted_and_measured(folder / "results")
    hidden, _, _, _, ffn, vocab, _ = SHAPES[shape]
    assert (next(folder.glob("results/merge/*/model")) / "model.safetensors").stat().st_size > 2 * vocab * hidden
    promised = TENSORS * 4 * hidden * max(vocab, ffn) + 512 * 2**20
    print(f"{folder.name}: {measured / 2**20:.0f} MiB of {promised / 2**20:.0f}")
    assert measured <= promised
    return measured


def assert_alike(one, other):
    assert abs(one - other) <= 0.1 * max(one, other)


def test_merging_takes_the_memory_of_a_few_tensors_whatever_the_depth(tmp_path):
    assert_alike(*(merge_peak(tmp_path / f"{layers} layers", FFN_AND_HEADS, layers=layers) for layers in (2, 10)))


def test_merging_takes_the_memory_of_a_few_tensors_however_many_models_are_moved(tmp_path):
    names = ["gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    # One fills the room that is kept for tensors that views make; the others are made by rows.
    few, many = (merge_peak(tmp_path / f"{2 + count} models", STREAM, others=names[:count]) for count in (1, 6))
    assert many - few <= 4 * 65536 * 256  # one embedding; kept in memory, five more models would take five


def test_uniting_vocabularies_takes_the_memory_of_a_few_tensors(tmp_path):
    # Untied heads, which the checks of an alignment read whole; both widths have the tokenizers' own memory, so what grows is tensors.
    vocab = 65536
    tokenizers = [byte_tokenizer([*(f"<{place}>" for place in range(256, vocab - 16)), *(f"<{name}-{place}>" for place in range(16))]) for name in ("alpha", "beta")]
    narrow, wide = 128, 512
    peaks = []
    for hidden in (narrow, wide):
        SHAPES["united"] = (hidden, 2, 4, 2, 2 * hidden, vocab, False)
        peaks.append(merge_peak(tmp_path / f"{hidden} wide", "alignment: none\n", shape="united", tokenizers=tokenizers))
    assert peaks[1] - peaks[0] <= TENSORS * 4 * vocab * (wide - narrow)


def test_matching_units_takes_the_memory_of_one_similarity(tmp_path):
    merge_peak(tmp_path / "wide FFN", FFN_AND_HEADS, shape="wide-ffn", layers=1)
