"""What the runner's library reads and writes, against PyTorch transformers: the golden file is derived again, and every directory of the sample that
test_model "[families_sample]" wrote loads there, every tensor of it, and gives our logits and our greedy continuation.

Skipped where this Python has no transformers and torch.
"""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
HAS_PACKAGES = all(importlib.util.find_spec(name) for name in ("transformers", "torch", "safetensors"))
SAMPLE = pathlib.Path(os.environ.get("SYMPHONY_FAMILIES_SAMPLE", HERE.parents[1] / ".build/release/families_sample"))
TOLERANCE = 1e-5  # of the largest logit

pytestmark = pytest.mark.skipif(not HAS_PACKAGES, reason="no transformers and torch")


def golden_script(*arguments):
    done = subprocess.run([sys.executable, HERE / "families_golden.py", *map(str, arguments)], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_same_answers(ours, theirs):
    largest = max(map(abs, theirs["logits"]))
    assert len(ours["logits"]) == len(theirs["logits"])
    assert max(abs(a - b) for a, b in zip(ours["logits"], theirs["logits"])) <= TOLERANCE * largest
    assert ours["greedy"] == theirs["greedy"]


def test_the_golden_file_is_what_transformers_computes(tmp_path):
    golden_script("write", tmp_path / "golden.json")
    derived, committed = (json.loads(path.read_text())["models"] for path in (tmp_path / "golden.json", HERE / "families_golden.json"))
    assert derived.keys() == committed.keys()
    for name, model in derived.items():
        assert (model["config"], model["tensors"]) == (committed[name]["config"], committed[name]["tensors"]), name
        assert_same_answers(committed[name], model)


def test_transformers_loads_what_is_written_and_agrees():
    expected = json.loads((SAMPLE / "expected.json").read_text())
    assert len(expected) > 10
    answers = json.loads(golden_script("run", *(SAMPLE / name for name in expected)).splitlines()[-1])
    for name, ours in expected.items():
        assert_same_answers(ours, answers[str(SAMPLE / name)])
