"""One run.h5. The file is opened for each question and closed again, so that a run may go on writing meanwhile."""
import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from . import layout

FINISHED = "finished"


def open_run(path):
    """The run in the file `path`, or in the folder `path` that holds a run.h5."""
    path = Path(path)
    return Run(path / "run.h5" if path.is_dir() else path)


def _text(values):
    return np.array([v.decode() if isinstance(v, bytes) else v for v in values], dtype=object)


def _column(dataset):
    values = dataset[()]
    return _text(values) if h5py.check_string_dtype(dataset.dtype) else values


def _labelled(dataset):
    """Dimensions and values of a dataset; its axes are the scales beside it (results/README.md, Axes)."""
    dims = tuple(dataset.dims[axis].keys()[0] for axis in range(dataset.ndim))
    attributes = {name: dataset.attrs[name] for name in (layout.UNIT, layout.DOC) if name in dataset.attrs}
    return dims, dataset[()], attributes


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
            self.run_id = file.attrs[layout.RUN_ID]
            self.block, _, self.variant = file.attrs[layout.VARIANT].rpartition("/")
            self.seed = int(file.attrs[layout.SEED])
        self._final_rows = None

    def _open(self):
        return h5py.File(self.path, "r")

    def attributes(self, group="/"):
        """Attributes of a group as a dict."""
        with self._open() as file:
            return {name: value.item() if isinstance(value, np.generic) else value for name, value in file[group].attrs.items()}

    def approximate_alignment(self):
        """What an alignment that is approximate did to its sources, in words; None of one that is exact."""
        with self._open() as file:
            return file[layout.ALIGNMENT].attrs.get(layout.APPROXIMATE) if layout.ALIGNMENT in file else None

    def config(self):
        """The resolved configuration, YAML text."""
        return self.attributes(layout.CONFIG)[layout.RESOLVED]

    def provenance(self):
        return self.attributes(layout.PROVENANCE)

    def groups(self, below="/"):
        """Paths of all groups that hold arrays or scalars."""
        found = []

        def visit(name, item):
            if isinstance(item, h5py.Group) and any(isinstance(child, h5py.Dataset) for child in item.values()):
                found.append(f"{below.strip('/')}/{name}".strip("/"))

        with self._open() as file:
            if below in file:
                file[below].visititems(visit)
        return sorted(found)

    def children(self, group):
        """Names of the groups directly below `group`; none where there is no such group."""
        with self._open() as file:
            return [name for name, item in file[group].items() if isinstance(item, h5py.Group)] if group in file else []

    def table(self, group):
        """A table: the columns of a group on the axis `row`."""
        with self._open() as file:
            columns = {name: _column(item) for name, item in file[group].items() if name != layout.ROW}
        return pd.DataFrame(columns)

    @property
    def status(self):
        return FINISHED if self._final_rows is not None else self.attributes()[layout.STATUS]

    def evaluation(self):
        """Evaluation rows, led by the run's id, block, variant and seed. Those of a finished run are read once."""
        if self._final_rows is not None:
            return self._final_rows.copy()
        rows = self.table(layout.EVALUATION_ROWS)
        for position, name in enumerate(["run_id", "block", "variant", "seed"]):
            rows.insert(position, name, getattr(self, name))
        if self.status == FINISHED:
            self._final_rows = rows.copy()
        return rows

    def stages(self):
        return self.table(layout.STAGES)

    def plugins(self):
        return self.table(layout.PLUGINS)

    def libraries(self):
        return self.table(layout.LIBRARIES)

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

    def dataset(self, group, leave_out=()):
        """The arrays and scalars of one group as an xarray Dataset, loaded; KeyError where there is no such group.

        Reads what xarray.open_dataset(path, group=group, engine="h5netcdf") reads, ten times faster for small groups.
        """
        import xarray

        with self._open() as file:
            items = {name: item for name, item in file[group].items() if isinstance(item, h5py.Dataset) and name not in leave_out}
            scales = {name for name, item in items.items() if h5py.h5ds.is_scale(item.id)}
            arrays = {name: _labelled(item) for name, item in items.items() if name not in scales}
            used = {dim for dims, _, _ in arrays.values() for dim in dims}
            coordinates = {name: (name, _column(items[name])) for name in scales if name in used}
            notes = {name: value for name, value in file[group].attrs.items()}
        return xarray.Dataset(arrays, coordinates, notes)

    def activations(self, moment, site, raw=True):
        """Statistics and raw activations of one site: run.activations("step_0", "residual")."""
        return self.dataset(f"{layout.EVALUATION}/{moment}/{layout.ACTIVATIONS}/{site}", leave_out=() if raw else (layout.RAW,))

    def moments(self):
        """The points of the model's life at which it was evaluated, in their order: step_0, router, ..."""
        rows = self.evaluation()
        return list(dict.fromkeys(rows[rows["subject"] == "model"]["moment"]))

    def token_ids(self, moment):
        """Ids of the probe tokens whose activations were logged: [domain, token], -1 beyond a domain's text."""
        return self.dataset(f"{layout.EVALUATION}/{moment}/{layout.ACTIVATIONS}")[layout.TOKEN_IDS].values

    def suites(self, moment=None):
        """Names of the suites that recorded arrays of the model, and of the sites of activations as "activations/<site>"; of one moment or of all."""
        found = {}
        for moment in self.moments() if moment is None else [moment]:
            group = f"{layout.EVALUATION}/{moment}"
            found.update(dict.fromkeys(name for name in self.children(group) if name != layout.ACTIVATIONS))
            found.update(dict.fromkeys(f"{layout.ACTIVATIONS}/{site}" for site in self.children(f"{group}/{layout.ACTIVATIONS}")))
        return list(found)

    def windows(self, moment, suite, metric):
        """What a suite measured on every held-out window of the in-domain domains: {domain: (hash, values)}; nothing where it recorded none.

        The hash tells which windows they were; it is "" in files from before it was noted.
        """
        try:
            data = self.dataset(f"{layout.EVALUATION}/{moment}/{suite}")
        except KeyError:
            return {}
        if f"window_{metric}" not in data or "in_domain" not in data:
            return {}
        hashes = json.loads(data.attrs.get(layout.WINDOW_HASH, "{}"))
        chosen = data[f"window_{metric}"].where(data["in_domain"] == 1, drop=True)
        return {str(domain): (hashes.get(str(domain), ""), values[~np.isnan(values)]) for domain, values in zip(chosen["domain"].values, chosen.values)}
