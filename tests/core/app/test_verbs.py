"""The runner's verbs list and describe, its help and its refusals, seen from the command line. SYMPHONY_BUILD names the build folder."""
import json
import os
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ["SYMPHONY_BUILD"])
SAMPLES = BUILD / "sample_plugins"
BAD = BUILD / "bad_plugins"


def runner(*arguments):
    return subprocess.run([BUILD / "bin/runner", *arguments], capture_output=True, text=True, check=False)


def test_help_names_every_verb_and_opens_no_plugin():
    environment = dict(os.environ, SYMPHONY_PLUGIN_PATH="/no/such/folder")  # fatal to whoever looks for plugins
    for arguments in (["--help"], ["list", "--help"], ["describe", "--help"]):
        result = subprocess.run([BUILD / "bin/runner", *arguments], capture_output=True, text=True, check=False, env=environment)
        assert (result.returncode, result.stderr) == (0, "")
        assert "usage: runner" in result.stdout
    assert "\n  describe " in runner("--help").stdout


@pytest.mark.parametrize("arguments,message", [
    (["lits"], "error: runner: unknown verb 'lits'; did you mean 'list'?"),
    (["list", "--fromat", "json"], "error: runner list: unknown option '--fromat'; did you mean '--format'?"),
    (["list", "--format", "jsno"], "error: runner list: --format is 'jsno', expected text or json; did you mean 'json'?"),
    (["list", "--plugins", "/no/such"], "error: --plugins: no folder '/no/such', expected one that holds <category>/<name>.so"),
    (["describe"], "error: runner describe: expected one id, category.name (see runner list)"),
    (["describe", "fusion.smaple", "--plugins", SAMPLES], "error: runner describe: unknown method 'fusion.smaple'; did you mean 'fusion.sample'?"),
    (["describe", "sample", "--plugins", SAMPLES], "error: runner describe: unknown method 'sample'; did you mean 'fusion.sample'?"),
])
def test_a_mistake_is_answered_with_the_nearest(arguments, message):
    result = runner(*arguments)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", message + "\n")


def test_list_shows_methods_and_refusals():
    result = runner("list", "--plugins", SAMPLES, "--plugins", BAD)
    assert result.returncode == 0
    assert "  fusion.sample " in result.stdout
    assert f"{BAD}/fusion/old_abi.so: plugin abi is 0, this build has 1; rebuild the plugin\n" in result.stdout
    data = json.loads(runner("list", "--format", "json", "--plugins", SAMPLES, "--plugins", BAD).stdout)
    sample = [plugin for plugin in data["plugins"] if plugin["id"] == "fusion.sample"][0]
    assert sample["revision"] == 3
    assert sample["library"] == f"{SAMPLES}/fusion/sample.so"
    assert len(sample["library_hash"]) == 64
    assert len(data["refused"]) == 7


def test_describe_tells_parameters_and_how_to_ask_for_it():
    result = runner("describe", "fusion.sample", "--plugins", SAMPLES)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "fusion.sample: a weighted sum for the tests of the registry"
    assert lines[1:4] == ["source: written for these tests", "revision: 3", f"library: {SAMPLES}/fusion/sample.so"]
    rows = [line.split() for line in lines]
    assert "share number 0.5 0 to 1 factor from one source to the next".split() in rows
    assert "rounds integer 1 at least 1 rounds how often the sum is taken".split() in rows
    assert 'norm string "none" none | unit what the result is scaled to'.split() in rows
    assert '    attention: { method: sample, share: 0.5, rounds: 1, norm: "none", weights: [] }' in lines


def test_a_refused_library_is_fatal_to_who_names_it():
    result = runner("describe", "fusion.wrong_magic", "--plugins", BAD)
    assert result.returncode == 4
    assert result.stderr.endswith("fusion/wrong_magic.so cannot be used: magic is 0xdeadbeef, expected 0x53594d50\n")
