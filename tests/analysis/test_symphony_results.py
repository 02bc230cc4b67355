"""The package against the sample's known numbers."""
import re

import h5py
import numpy as np
import pytest
import symphony_results as results
from symphony_results import layout


def test_evaluation_rows_carry_their_run(sample):
    rows = results.open_sweep(sample).evaluation(status="finished")
    assert len(rows) == 4
    assert list(rows["run_id"].unique()) == ["ffn-s1", "none-s1"]
    code = rows[(rows.run_id == "none-s1") & (rows.task == "code")].iloc[0]
    assert (code["value"], code["std_error"], code["n"], code["unit"], code["better"], code["moment"]) == (2.25, 0.01, 64, "bits", "lower", "step_0")
    assert np.isnan(rows[rows.metric == "entropy"]["std_error"]).all()


def test_the_sweep_lists_its_runs(sample):
    runs = results.open_sweep(sample).runs()
    assert list(runs.index) == ["ffn-s1", "none-s1"]
    assert list(runs["variant"]) == ["ffn", "none"]
    assert set(runs["status"]) == {"finished"}


def test_series_are_indexed_by_step(sample):
    sweep = results.open_sweep(sample)
    loss = sweep["none-s1"].series("training/router")["loss"]
    assert list(loss.index) == [0, 10, 20] and loss.loc[20] == pytest.approx(1.0)
    assert sweep.series("training/router").loc[("ffn-s1", 10), "loss"] == pytest.approx(2.0)
    with pytest.raises(KeyError):
        sweep["none-s1"].series("alignment")


def test_config_and_provenance_are_inside(run_file):
    run = results.open_run(run_file.parent)
    assert run.config() == "name: sample\nseeds: [1]\n"
    assert run.provenance()["git_state"] == "clean"
    assert run.provenance()["cpu_count"] >= 1
    assert list(run.table(layout.ORIGINS)["origin"]) == ["sample.yaml:1:7", "command line"]
    assert list(run.table(layout.SEEDS)["value"]) == ["1", "18446744073709551615"]
    assert list(run.stages()["name"]) == ["align", "train router"] and list(run.stages()["cached"]) == [1, 0]
    assert list(run.plugins()["id"]) == ["fusion.slerp", "router.top_k"]


def test_every_group_opens_as_a_dataset(run_file):
    run = results.open_run(run_file)
    for group in run.groups():
        run.dataset(group)
    assert run.activations("step_0", "residual")["raw"].shape == (2, 2, 3, 2)


def write_windows(path, hashes):
    """A run whose suite measured three windows of code, two of prose and three of a domain that no source saw."""
    with h5py.File(path, "w") as file:
        file.attrs.update({layout.SCHEMA: layout.RUN_SCHEMA, layout.SCHEMA_VERSION: layout.VERSION, layout.RUN_ID: "r", layout.VARIANT: "v", layout.SEED: 1})
        group = file.create_group("evaluation/post/suite")
        group["domain"] = np.array(["code", "prose", "far"], dtype=h5py.string_dtype())
        group["window"] = np.arange(3.0)
        group["window_loss"] = np.array([[1, 2, 3], [4, 5, np.nan], [6, 7, 8]], dtype=np.float32)
        group["in_domain"] = np.array([1, 1, 0], dtype=np.float32)
        for axis in ("domain", "window"):
            group[axis].make_scale(axis)
        for name, axes in (("window_loss", ("domain", "window")), ("in_domain", ("domain",))):
            for position, axis in enumerate(axes):
                group[name].dims[position].attach_scale(group[axis])
        if hashes:
            group.attrs[layout.WINDOW_HASH] = hashes
    return results.open_run(path)


@pytest.mark.parametrize("hashes,expected", [('{"code": "a", "prose": "b", "far": "c"}', {"code": "a", "prose": "b"}), (None, {"code": "", "prose": ""})])
def test_windows_come_with_what_tells_which_they_are(tmp_path, hashes, expected):
    run = write_windows(tmp_path / "run.h5", hashes)
    windows = run.windows("post", "suite", "loss")
    assert {domain: hash_ for domain, (hash_, _) in windows.items()} == expected
    assert {domain: values.tolist() for domain, (_, values) in windows.items()} == {"code": [1, 2, 3], "prose": [4, 5]}
    assert run.windows("post", "suite", "other") == {} and run.windows("step_0", "suite", "loss") == {}


def test_other_files_are_refused(tmp_path, sample):
    with pytest.raises(ValueError, match="expected 'symphony-run'"):
        results.open_run(sample / "index.h5")
    with pytest.raises(FileNotFoundError):
        results.open_sweep(tmp_path)


def test_names_agree_with_the_header(source):
    """Every constant here exists there with the same value."""
    header = (source / "core/log/layout.hpp").read_text()
    constants = dict(re.findall(r"k(\w+)(?:\[\])? = \"?([\w/-]+)\"?;", header))
    names = {name: value for name, value in vars(layout).items() if name.isupper()}
    assert len(names) > 15
    for name, value in names.items():
        assert constants["".join(part.capitalize() for part in name.split("_"))] == str(value), name


def test_the_readme_tree_is_a_real_file(source, run_file):
    """Every path of the README's tree is in the file, and every path of the file is in the tree. `<...>` stands for any name."""
    block = re.search(r"```text run\.h5\n(.*?)```", (source / "results/README.md").read_text(), re.S).group(1)
    documented, stack = set(), []
    for line in block.splitlines():
        depth, entry = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        stack[depth:] = [entry.rstrip("/")]
        documented.add(("@" if entry.startswith("@") else "") + "/".join(stack).replace("@", ""))
    patterns = {path: re.compile(re.sub(r"<\w+>", "[^/]+", path) + "$") for path in documented}
    actual = set()

    def visit(name, item):
        actual.add(name)
        actual.update("@" + (name + "/" if name else "") + attribute for attribute in item.attrs
                      if attribute not in ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "unit", "doc"))

    with h5py.File(run_file, "r") as file:
        visit("", file)
        file.visititems(visit)
    actual.discard("")
    undocumented = sorted(name for name in actual if not any(pattern.match(name) for pattern in patterns.values()))
    missing = sorted(path for path, pattern in patterns.items() if not any(pattern.match(name) for name in actual))
    assert not undocumented and not missing, (undocumented, missing)
