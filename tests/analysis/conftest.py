"""The sample sweep that test_log wrote (ctest fixture log_sample)."""
import os
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "analysis"))


@pytest.fixture(scope="session")
def source():
    return SOURCE


@pytest.fixture(scope="session")
def sample():
    folder = Path(os.environ.get("SYMPHONY_SAMPLE", SOURCE / ".build/release/sample"))
    assert folder.is_dir(), f"{folder}: run test_log '[sample]' first, or set SYMPHONY_SAMPLE"
    return folder


@pytest.fixture(scope="session")
def run_file(sample):
    return sample / "none-s1" / "run.h5"
