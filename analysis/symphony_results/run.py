"""One run.h5. The file is opened for each question and closed again, so that a run may go on writing meanwhile."""
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from . import layout


def open_run(path):
    """The run in the file `path`, or in the folder `path` that holds a run.h5."""
    path = Path(path)
    return Run(path / "run.h5" if path.is_dir() else path)


def _text(values):
    return np.array([v.decode() if isinstance(v, bytes) else v for v in values], dtype=object)


def _column(dataset):
    values = dataset[()]
    return _text(values) if h5py.check_string_dtype(dataset.dtype) else values


class Run:
    def __init__(self, path):
        self.path = Path(path)
        with self._open() as file:
            schema = file.attrs.get(layout.SCHEMA)
            if schema != layout.RUN_SCHEMA:
                raise ValueError(f"{self.path}: schema is {schema!r}, expected {layout.RUN_SCHEMA!r}")
            version = int(file.attrs[layout.SCHEMA_VERSION])
            if version != layout.VERSION:
                raise ValueError(f"{self.path}: schema version is {version}, this package reads {layout.VERSION}")

    def _open(self):
        return h5py.File(self.path, "r")

    def attributes(self, group="/"):
        """Attributes of a group as a dict."""
        with self._open() as file:
            return {name: value.item() if isinstance(value, np.generic) else value for name, value in file[group].attrs.items()}

    def config(self):
        """The resolved configuration, YAML text."""
        return self.attributes(layout.CONFIG)[layout.RESOLVED]

    def provenance(self):
        return self.attributes(layout.PROVENANCE)

    def groups(self):
        """Paths of all groups that hold arrays or scalars."""
        found = []

        def visit(name, item):
            if isinstance(item, h5py.Group) and any(isinstance(child, h5py.Dataset) for child in item.values()):
                found.append(name)

        with self._open() as file:
            file.visititems(visit)
        return sorted(found)

    def table(self, group):
        """A table: the columns of a group on the axis `row`."""
        with self._open() as file:
            columns = {name: _column(item) for name, item in file[group].items() if name != layout.ROW}
            order = [name for name in file[group] if name in columns]
        return pd.DataFrame({name: columns[name] for name in order})

    def evaluation(self):
        """Evaluation rows, led by the run's id, variant and seed."""
        rows = self.table(layout.EVALUATION_ROWS)
        root = self.attributes()
        for position, name in enumerate([layout.RUN_ID, layout.VARIANT, layout.SEED]):
            rows.insert(position, name, root[name])
        return rows

    def stages(self):
        return self.table(layout.STAGES)

    def plugins(self):
        return self.table(layout.PLUGINS)

    def series(self, stage):
        """Training curves: every series below the group `stage`, indexed by step."""
        frames = []
        with self._open() as file:
            top = file[stage]
            groups = [top] if layout.STEP in top else [g for g in top.values() if isinstance(g, h5py.Group) and layout.STEP in g]
            for group in groups:
                steps = group[layout.STEP][()].astype(np.int64)
                columns = {name: item[()] for name, item in group.items() if name != layout.STEP}
                frames.append(pd.DataFrame(columns, index=pd.Index(steps, name=layout.STEP)))
        if not frames:
            raise KeyError(f"{self.path}: no series below {stage!r}")
        return pd.concat(frames, axis=1)

    def dataset(self, group):
        """The arrays and scalars of one group as an xarray Dataset, loaded."""
        import xarray

        with xarray.open_dataset(self.path, group=group, engine="h5netcdf", decode_cf=False) as data:
            return data.load()

    def activations(self, stage, site):
        """Statistics and raw activations of one site: run.activations("evaluation/step_0", "residual")."""
        return self.dataset(f"{stage}/{layout.ACTIVATIONS}/{site}")
