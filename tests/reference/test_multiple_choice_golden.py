"""The committed golden of multiple choice is what lm-evaluation-harness finds today; skipped where it is not installed."""
import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
lm_eval = pytest.importorskip("lm_eval")

import multiple_choice_golden as golden  # noqa: E402


def test_golden_is_what_the_harness_finds():
    committed = json.loads((golden.FOLDER / "golden.json").read_text())
    if lm_eval.__version__ != committed["lm_eval"]:
        pytest.skip(f"written with lm-eval {committed['lm_eval']}, here is {lm_eval.__version__}")
    found = golden.evaluate()["tasks"]
    assert list(found) == list(committed["tasks"])
    for name, task in committed["tasks"].items():
        for metric, numbers in task["metrics"].items():
            assert found[name]["metrics"][metric] == pytest.approx(numbers, rel=1e-6), (name, metric)
        for item, scores in enumerate(task["log_likelihood"]):
            assert found[name]["log_likelihood"][item] == pytest.approx(scores, rel=1e-5), (name, item)
