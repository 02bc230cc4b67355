"""Two checkpoints whose tokenizers differ become one Mixture-of-Experts that is trained and evaluated on the union of their vocabularies."""
import json
import sys

import h5py

from conftest import SOURCE, merge_of_checkpoints

sys.path.insert(0, str(SOURCE / "tests/support"))
import random_checkpoint  # noqa: E402

FILES = SOURCE / "tests/reference/tokenizer_files"


def checkpoint(folder, tokenizer, rows, seed):
    """A tiny random model with `rows` rows and the tokenizer, a value as of tokenizer.json."""
    random_checkpoint.SHAPES["vocabularies"] = (32, 2, 4, 2, 64, rows, False)
    random_checkpoint.write_checkpoint(folder, "vocabularies", seed=seed)
    if tokenizer:
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def without_last_merges(tokenizer, count):
    """The same tokenizer with `count` tokens fewer, the others under new ids."""
    model = tokenizer["model"]
    gone = {left + right for left, right in (merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"][-count:])}
    kept = sorted((token for token in model["vocab"] if token not in gone), reverse=True)
    vocab = {token: index for index, token in enumerate(kept)}
    added = [token | {"id": len(vocab) + index} for index, token in enumerate(tokenizer["added_tokens"][:1])]
    return tokenizer | {"added_tokens": added, "model": model | {"vocab": vocab, "merges": model["merges"][:-count]}}


def experiment(folder):
    return merge_of_checkpoints(folder, """
alignment: { method: activation_matching, scope: [ffn] }
rivals: [ensemble, oracle_source]
""")


def count_tokens(tokenizer):
    return len(tokenizer["model"]["vocab"]) + len(tokenizer["added_tokens"])


def test_sources_with_differing_tokenizers_merge_and_evaluate(runner, tmp_path):
    large = json.loads((FILES / "gpt2.json").read_text())
    small = without_last_merges(large, 40)
    checkpoint(tmp_path / "alpha", small, count_tokens(small) + 5, 1)  # five rows of padding
    checkpoint(tmp_path / "beta", large, count_tokens(large), 2)
    runner("--exp", experiment(tmp_path), "--results", tmp_path / "results")
    run = next((tmp_path / "results/merge").glob("*/run.h5"))
    with h5py.File(run) as file:
        names = []
        file.visit(names.append)
    assert [name for name in names if name.startswith("evaluation/post")]
    assert [name for name in names if name.startswith("rivals/ensemble")]
    status = json.loads((run.parent / "status.json").read_text())
    assert status["state"] == "finished"
    written = next((tmp_path / "results/.cache/phase").glob("*/model"))
    config, tokenizer = (json.loads((written / name).read_text()) for name in ("config.json", "tokenizer.json"))
    assert config["vocab_size"] == len(tokenizer["model"]["vocab"]) == len(set(small["model"]["vocab"]) | set(large["model"]["vocab"])) + 3
    assert sorted(tokenizer["model"]["vocab"].values()) == list(range(config["vocab_size"]))


def test_tokenizers_that_cut_text_differently_are_refused(runner, tmp_path):
    for name, family in (("alpha", "gpt2"), ("beta", "qwen2")):
        file = json.loads((FILES / f"{family}.json").read_text())
        checkpoint(tmp_path / name, file, count_tokens(file), 1)
    done = runner("--exp", experiment(tmp_path), "--results", tmp_path / "results", check=False)
    assert done.returncode == 2 and not list((tmp_path / "results").rglob("run.h5"))
    assert "source 'beta' differs from the anchor 'alpha' in the normalizer of its tokenizer" in done.stderr


def test_a_tokenizer_with_more_ids_than_rows_is_refused(runner, tmp_path):
    for name in ("alpha", "beta"):
        checkpoint(tmp_path / name, json.loads((FILES / "gpt2.json").read_text()), 100, 1)
    done = runner("--exp", experiment(tmp_path), "--results", tmp_path / "results", check=False)
    assert done.returncode == 2 and not list((tmp_path / "results").rglob("run.h5"))
    assert "ids and the model 100 rows, expected a row for every id" in done.stderr
