"""A real run.h5 read by h5py and xarray alone, without our package."""
import h5py
import numpy as np
import pytest
import xarray


def all_datasets(path):
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item.shape}) if isinstance(item, h5py.Dataset) else None)
    return found


def all_groups(path):
    found = ["/"]
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Group) else None)
    return found


def test_the_root_says_what_the_file_is(run_file):
    with h5py.File(run_file, "r") as file:
        assert file.attrs["schema"] == "symphony-run"
        assert file.attrs["schema_version"] == 1
        assert file.attrs["status"] == "finished"
        assert file.attrs["run_id"] == "none-s1"


def test_every_axis_of_every_dataset_has_one_scale_of_its_group(run_file):
    checked = 0
    with h5py.File(run_file, "r") as file:
        for name in all_datasets(run_file):
            dataset = file[name]
            if h5py.h5ds.is_scale(dataset.id):
                continue
            for axis in range(dataset.ndim):
                scales = list(dataset.dims[axis].keys()), list(dataset.dims[axis].values())
                assert len(scales[1]) == 1, (name, axis)
                scale = scales[1][0]
                assert scale.parent == dataset.parent and scale.shape == (dataset.shape[axis],), (name, axis)
                assert scales[0][0] == scale.name.rsplit("/", 1)[1], "the scale's NAME is its own name"
                checked += 1
    assert checked > 40


def test_xarray_opens_every_group_without_phony_dimensions(run_file):
    for group in all_groups(run_file):
        with xarray.open_dataset(run_file, group=group, engine="h5netcdf") as data:  # phony_dims unset: h5netcdf raises where a scale is missing
            assert not [name for name in data.dims if str(name).startswith("phony")], group
            data.load()


def test_axes_carry_their_labels(run_file):
    with xarray.open_dataset(run_file, group="evaluation/step_0/routing", engine="h5netcdf") as data:
        assert data["load"].dims == ("layer", "expert")
        assert list(data["expert"].values) == ["code", "scripture"]
        assert float(data["load"].sel(layer=0, expert="scripture")) == 0.75
        assert data["load"].attrs["unit"] == "1"
        assert data["mean_load"].dims == ("average",) and data["mean_load"].shape == (1,)


def test_scalars_and_notes_are_read(run_file):
    with xarray.open_dataset(run_file, group="alignment", engine="h5netcdf") as data:
        assert float(data["max_relative_change"]) == pytest.approx(3e-6)
        assert data.attrs["method"] == "activation_matching"
    with h5py.File(run_file, "r") as file:
        assert file["alignment/ffn"].attrs["kind"] == "permutation"
        assert file["alignment/max_relative_change"].dtype == np.float64


def test_activations_hold_statistics_and_half_precision_tokens(run_file):
    with xarray.open_dataset(run_file, group="evaluation/step_0/activations/ffn_hidden", engine="h5netcdf") as data:
        hidden = np.arange(16, dtype=np.float64).reshape(4, 4)
        assert data["raw"].dims == ("layer", "domain", "token", "feature") and data["raw"].dtype == np.float16
        np.testing.assert_array_equal(data["raw"].sel(layer=5, domain="code"), hidden[:3] + 100)
        np.testing.assert_allclose(data["feature_mean"].sel(layer=0, domain="scripture"), hidden.mean(axis=0))
        np.testing.assert_allclose(data["feature_variance"].sel(layer=5, domain="code"), hidden.var(axis=0))
        assert float(data["variance"].sel(layer=0, domain="code")) == pytest.approx(hidden.var())
        assert float(data["abs_max"].sel(layer=5, domain="code")) == 115
        assert int(data["count"].sel(layer=5, domain="code")) == 4
        assert float(data["zero_share"].sel(layer=0, domain="code")) == 1 / 16


def test_a_series_is_a_step_axis_with_float32_columns(run_file):
    with xarray.open_dataset(run_file, group="training/router/series", engine="h5netcdf") as data:
        assert data["loss"].dims == ("step",) and data["loss"].dtype == np.float32
        assert list(data["step"].values) == [0, 10, 20]
        np.testing.assert_allclose(data["loss"], [3, 2, 1], rtol=1e-6)


def test_text_is_variable_length_utf8_and_numbers_are_checked_or_small(run_file):
    with h5py.File(run_file, "r") as file:
        for name in all_datasets(run_file):
            dataset = file[name]
            text = h5py.check_string_dtype(dataset.dtype)
            if text:
                assert text.length is None and text.encoding == "utf-8", name
            elif dataset.chunks:
                assert dataset.fletcher32, name
            assert dataset.compression is None, name


def test_objects_carry_no_times(run_file):
    with h5py.File(run_file, "r") as file:
        for name in all_datasets(run_file):
            assert h5py.h5g.get_objinfo(file[name].id).mtime == 0, name


def test_the_index_reaches_every_run_by_relative_links(sample, tmp_path):
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(sample, moved)
    with h5py.File(moved / "index.h5", "r") as file:
        assert [text.decode() for text in file["runs/run_id"]] == ["ffn-s1", "none-s1"]
        assert file["run/ffn-s1"].attrs["variant"] == "ffn"
        assert file["run/none-s1"].file.filename == str(moved / "none-s1/run.h5")
        assert file.get("run/none-s1", getlink=True).filename == "none-s1/run.h5"
