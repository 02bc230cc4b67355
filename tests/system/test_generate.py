"""runner generate on a checkpoint of random weights whose tokens are bytes."""
import json
import subprocess
import sys

import pytest

from conftest import RUNNER, SOURCE

sys.path.insert(0, str(SOURCE / "tests/support"))
from byte_tokenizer import byte_tokenizer  # noqa: E402
from random_checkpoint import write_checkpoint  # noqa: E402


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models") / "tiny"
    write_checkpoint(directory, "tiny", seed=3)
    (directory / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))
    return directory


def generate(*arguments, status=0):
    done = subprocess.run([RUNNER, "generate", *map(str, arguments)], capture_output=True, timeout=120, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr.decode()


def test_a_text_is_continued_by_as_many_bytes_as_asked_for(checkpoint):
    text = generate(checkpoint, "--prompt", "once", "--max-tokens", 24)
    assert len(text) == 24 + 1 and text.endswith(b"\n")
    assert generate("--checkpoint", checkpoint, "--prompt", "once", "--max-tokens", 24) == text
    assert generate(checkpoint, "--prompt", "once", "--max-tokens", 12)[:-1] == text[:12]


def test_a_seed_gives_one_text_and_another_seed_another(checkpoint):
    drawn = [generate(checkpoint, "--prompt", "once", "--max-tokens", 24, "--temperature", 1, "--top-p", 0.9, "--seed", seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_mistakes_are_named(checkpoint, tmp_path):
    assert "expected a model directory" in generate(status=2)
    assert "the prompt is empty and the tokenizer has no BOS" in generate(checkpoint, status=2)
    assert "has no config.json; expected a Hugging Face model directory" in generate(tmp_path, "--prompt", "a", status=3)
    assert "--device is 'tpu', expected cpu or cuda" in generate(checkpoint, "--prompt", "a", "--device", "tpu", status=2)
    assert "--dtype is 'float8', expected float32 or bfloat16" in generate(checkpoint, "--prompt", "a", "--dtype", "float8", status=2)
    assert "temperature -1" in generate(checkpoint, "--prompt", "a", "--temperature=-1", status=2)
