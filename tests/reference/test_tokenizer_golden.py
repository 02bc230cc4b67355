"""The committed tokenizer goldens are what the reference library gives today; skipped, and counted as such, where it is not installed."""
import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def test_goldens_are_what_the_reference_library_gives():
    pytest.importorskip("tokenizers", reason="PyPI tokenizers is not installed")
    spec = importlib.util.spec_from_file_location("tokenizer_golden", HERE / "tokenizer_golden.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    derived = script.derive()
    assert sorted(derived) == sorted(path.name for path in script.FOLDER.iterdir())
    for name, text in derived.items():
        assert (script.FOLDER / name).read_text(encoding="ascii") == text, name
