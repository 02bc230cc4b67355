"""Sources that continue a checkpoint: the path of experiments/smollm2/domains.yaml with a model of a few thousand parameters in place of SmolLM2, and a
vocabulary that lacks some bytes as SmolLM2's does."""
import json
import sys

import h5py
import pytest

from conftest import SOURCE

sys.path.insert(0, str(SOURCE / "tests/support"))
import random_checkpoint  # noqa: E402

TOKENIZER = SOURCE / "tests/reference/tokenizer_files/gaps.json"
IDS = {"bos_token_id": 5, "eos_token_id": [6, 7], "pad_token_id": 8}


def checkpoint(folder):
    """A tiny Llama without biases, so that a Mixture-of-Experts of it is a Mixtral."""
    tokenizer = json.loads(TOKENIZER.read_text())
    rows = len(tokenizer["model"]["vocab"]) + len(tokenizer["added_tokens"])
    random_checkpoint.SHAPES["start"] = shape = (32, 2, 4, 2, 64, rows, True)
    random_checkpoint.write_checkpoint(folder, "start", seed=1)
    tensors = [(name, size) for name, size in random_checkpoint.tensor_shapes(*shape) if not name.endswith("bias")]
    random_checkpoint.write_tensors(folder / "model.safetensors", tensors, seed=1)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["LlamaForCausalLM"], "model_type": "llama"} | IDS))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def experiment(folder, start):
    source = "{{ checkpoint: null, train: {{ domain: {0}, recipe: continued, start: {{ checkpoint: {1} }} }} }}"
    path = folder / "continued.yaml"
    path.write_text(f"""
include: [{SOURCE}/experiments/smoke/base.yaml]
name: continued
recipes: {{ continued: {{ training: {{ steps: 4, batch_size: 2, sequence_length: 32, learning_rate: 0.002 }} }} }}
sources:
  anchor: original
  fetch: fetch.py {start}
  models:
    original: {{ checkpoint: {start} }}
    alpha: {source.format("alpha", start)}
    beta: {source.format("beta", start)}
calibration: {{ tokens: 256, length: 32 }}
router: {{ method: top_k, k: 2, init: ridge }}
training: {{ phases: [ {{ name: router, train: [router], steps: 2, batch_size: 2, sequence_length: 32, learning_rate: 0.001 }} ] }}
windows: {{ length: 33, in_domain: 1000000, out_of_distribution: 1000000 }}
eval: [bits_per_byte, {{ method: perplexity, length: 32, context: 1, tokens: 0 }}, routing]
rivals: [ensemble, oracle_source]
sweep:
  baseline: mixture
  variants: {{ mixture: {{ export: {{}} }}, dense_average: {{ experts: dense }}, upcycled_anchor: {{ experts: upcycle, router: {{ init: uniform }} }} }}
""")
    return path


@pytest.fixture(scope="module")
def continued(runner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("continued")
    start = checkpoint(folder / "start")
    done = runner("--exp", experiment(folder, start), "--results", folder / "results")
    return folder, done


def test_every_variant_finishes_and_the_gaps_of_the_vocabulary_are_said_once(continued):
    folder, done = continued
    assert "3 of 3 runs finished" in done.stdout
    note = f"note: {folder}/start/tokenizer.json: no token for 7 of the 256 byte values, which become '<unk>' in text"
    assert done.stderr.count(note) == 1
    assert len(list((folder / "results/.cache/checkpoint").glob("*/stage.json"))) == 1
    assert len(list((folder / "results/.cache/source").glob("*/model"))) == 2


def test_training_moves_a_source_away_from_its_start(continued):
    folder, _ = continued
    start = (folder / "start/model.safetensors").read_bytes()
    trained = [(model / "model.safetensors").read_bytes() for model in (folder / "results/.cache/source").glob("*/model")]
    assert len({start[-4096:], *(tensors[-4096:] for tensors in trained)}) == 3


def test_bits_per_byte_counts_the_bytes_of_tokens(continued):
    """Over windows that cover the text it is what the rolling perplexity finds."""
    folder, _ = continued
    run, = (folder / "results/continued").glob("mixture*/run.h5")
    with h5py.File(run) as file:
        columns = {name: column.asstr()[()] if column.dtype == object else column[()] for name, column in file["evaluation/rows"].items()}
    values = {}
    for subject, moment, task, metric, value in zip(*(columns[name] for name in ("subject", "moment", "task", "metric", "value"))):
        values[subject, moment, task, metric] = value
    pairs = [(value, values[key[:3] + ("rolling_bits_per_byte",)]) for key, value in values.items() if key[3] == "bits_per_byte" and key[:3] + ("rolling_bits_per_byte",) in values]
    assert len(pairs) >= 12
    for ours, rolling in pairs:
        assert ours == pytest.approx(rolling, rel=1e-6)


def test_what_was_trained_and_exported_has_the_anchors_tokenizer_and_special_tokens(runner, continued):
    folder, _ = continued
    written = [*(folder / "results/.cache/source").glob("*/model"), *(folder / "results/.cache/phase").glob("*/model"),
               *(folder / "results/continued").glob("mixture*/model")]
    assert len(written) == 5  # two sources, the routers of the mixture and of the copies, the exported mixture
    start = json.loads((folder / "start/tokenizer.json").read_text())
    for model in written:
        config, generation, tokenizer = (json.loads((model / name).read_text()) for name in ("config.json", "generation_config.json", "tokenizer.json"))
        for key, value in IDS.items():
            assert (config[key], generation[key]) == (value, value), model
        assert tokenizer["model"]["vocab"] == start["model"]["vocab"] and tokenizer["model"]["merges"] == [" ".join(pair) for pair in start["model"]["merges"]]
    done = runner("generate", written[-1], "--prompt", "a quick question", "--max-tokens", 4)
    assert done.stdout.strip() and "no token for 2 of the prompt's 16 bytes" in done.stderr


def test_a_start_that_is_not_there_says_how_to_fetch_it(runner, tmp_path):
    done = runner("check", "--exp", experiment(tmp_path, tmp_path / "start"), check=False)
    assert done.returncode == 2
    assert f"no checkpoint directory '{tmp_path}/start'; to fetch it: fetch.py {tmp_path}/start" in done.stderr
