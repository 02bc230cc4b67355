"""h5py and a writer that has work in hand which it never flushed: alive, and after SIGKILL."""
import os
import subprocess

import h5py
import pytest
import xarray


@pytest.fixture()
def writer(sample):
    program = os.environ.get("SYMPHONY_TEST_LOG", sample.parent / "bin/test_log")
    process = subprocess.Popen([program, "[killed]"], stdout=subprocess.PIPE, text=True)
    while (line := process.stdout.readline()) and line.strip() != "ready":
        pass
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def check(folder):
    with h5py.File(folder / "record.h5", "r") as file:
        assert file["series/loss"].shape == (1500,) and file["series/loss"][1499] == 1499
        assert "later" not in file["series"].attrs
    with h5py.File(folder / "r/run.h5", "r") as file:
        assert file.attrs["status"] == "running"
        assert sorted(file["evaluation"]) == ["rows", "step_0"]
        assert len(file["provenance/stages/name"]) == 2
    with xarray.open_dataset(folder / "r/run.h5", group="evaluation/step_0/routing", engine="h5netcdf") as data:
        assert data["load"].sel(layer=1, expert="code") == 0.5


def test_the_last_flush_is_read_while_the_writer_lives_and_after_sigkill(writer, sample):
    folder = sample.parent / "killed"
    check(folder)
    writer.kill()
    assert writer.wait() == -9
    check(folder)
