"""Every *.txt here is a command, its exit status and what it prints. A line `...` stands for any lines, `...` within a line for any text.

    $ runner describe fusion.slrep
    exit: 2
    error: unknown plugin 'fusion.slrep'; did you mean 'fusion.slerp'?
"""
import os
import pathlib
import re
import shlex
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
RUNNER = os.environ.get("SYMPHONY_RUNNER", str(SOURCE / ".build/release/bin/runner"))


def cases():
    for path in sorted(HERE.glob("*.txt")):
        blocks = re.split(r"^\$ ", path.read_text(), flags=re.MULTILINE)[1:]
        for number, block in enumerate(blocks, 1):
            yield pytest.param(block, id=f"{path.stem}-{number}")


def pattern(expected):
    parts = []
    for line in expected.rstrip("\n").split("\n"):
        parts.append(r"(?:.*\n)*?" if line == "..." else r".*".join(map(re.escape, line.split("..."))) + r"\n")
    return "".join(parts)


@pytest.mark.parametrize("block", cases())
def test_command(block):
    command, status, expected = block.split("\n", 2)
    words = shlex.split(command)
    assert words[0] == "runner" and status.startswith("exit: ")
    done = subprocess.run([RUNNER, *words[1:]], cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert re.fullmatch(pattern(expected), done.stdout), done.stdout
    assert done.returncode == int(status.removeprefix("exit: "))


def test_the_matcher_can_fail():
    assert re.fullmatch(pattern("a\n...\nb ... c\n"), "a\nx\ny\nb 1 c\n")
    assert not re.fullmatch(pattern("a\n...\nb\n"), "a\nc\n")
