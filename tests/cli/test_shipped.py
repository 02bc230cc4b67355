"""Every experiment that ships checks clean, as it stands and under each of its profiles. Fragments, which others include, have no name."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/support"))
import random_checkpoint  # noqa: E402

RUNNER = os.environ.get("SYMPHONY_RUNNER", str(SOURCE / ".build/release/bin/runner"))
EXPERIMENTS = sorted(path for path in (SOURCE / "experiments").rglob("*.yaml") if re.search(r"^name:", path.read_text(), re.MULTILINE))


def check(*arguments, folder=SOURCE):
    return subprocess.run([RUNNER, "check", "--exp", *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=120)


def folder_of_checkpoints(path, folder):
    """Where the checkpoints that the experiment names are: random ones in their place, for those are fetched and not in the repository."""
    names = set(re.findall(r"checkpoint: ([^ }]+)", path.read_text()))
    random_checkpoint.SHAPES["of bytes"] = (32, 2, 4, 2, 64, 259, True)
    for name in names:
        random_checkpoint.write_checkpoint(folder / name, "of bytes")
    return folder if names else SOURCE


def profiles_of(path):
    """The keys under `profiles` of the file and of the files that it includes."""
    text = path.read_text()
    names = set(re.findall(r"^profiles: \{ (\w+):", text, re.MULTILINE))
    section = re.search(r"^profiles:\n((?:  .*\n|\n)*)", text, re.MULTILINE)
    names.update(re.findall(r"^  (\w+):", section.group(1), re.MULTILINE) if section else [])
    for listed in re.findall(r"^include: \[(.*)\]", text, re.MULTILINE):
        for name in listed.split(","):
            names |= profiles_of(path.parent / name.strip())
    return names


def test_there_are_experiments_and_profiles_to_check():
    names = {path.stem for path in EXPERIMENTS}
    assert {"alignment", "symphony_table3", "anchor", "num_experts", "calibration", "router", "router_init", "fusion", "btx"} <= names
    for path in EXPERIMENTS:
        if path.parent.name == "ablations":
            assert profiles_of(path) == {"full"}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=[str(path.relative_to(SOURCE / "experiments")) for path in EXPERIMENTS])
def test_it_checks_clean(path, tmp_path):
    folder = folder_of_checkpoints(path, tmp_path)
    for profile in [None, *sorted(profiles_of(path))]:
        here = ["device=cpu"] if profile == "full" and "device: cuda" in path.read_text() else []  # checked, too, where there is no such device
        done = check(path, *(["--profile", profile] if profile else []), *here, folder=folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(r"\w+: \d+ runs, no mistakes\n", done.stdout), done.stdout


def test_a_question_about_no_variant_is_noted():
    done = check("ablations/anchor.yaml", "report[0].variant=scriptur")
    assert done.returncode == 0
    assert "note: report[0]: no run is of variant 'scriptur'; did you mean 'scripture'?" in done.stdout
