"""The runs of one experiment folder: <folder>/<run id>/run.h5."""
from pathlib import Path

import pandas as pd

from . import layout
from .run import open_run


def open_sweep(folder):
    """All runs below `folder`, in order of run id; the files themselves are read, so that it works while the sweep goes on."""
    return Sweep(folder)


class Sweep:
    def __init__(self, folder):
        self.folder = Path(folder)
        self._runs = {path.parent.name: open_run(path) for path in sorted(self.folder.glob("*/run.h5"))}
        if not self._runs:
            raise FileNotFoundError(f"{self.folder}: no <run>/run.h5 below it")

    def __len__(self):
        return len(self._runs)

    def __iter__(self):
        return iter(self._runs.values())

    def __getitem__(self, run_id):
        return self._runs[run_id]

    def runs(self):
        """One row a run: experiment, variant, seed, status, message; indexed by run id."""
        names = [layout.RUN_ID, layout.EXPERIMENT, layout.VARIANT, layout.SEED, layout.STATUS, layout.MESSAGE]
        rows = [{name: run.attributes()[name] for name in names} for run in self]
        return pd.DataFrame(rows).set_index(layout.RUN_ID)

    def evaluation(self, status=None):
        """Evaluation rows of all runs, or of those with this status."""
        runs = [run for run in self if status is None or run.attributes()[layout.STATUS] == status]
        return pd.concat([run.evaluation() for run in runs], ignore_index=True) if runs else pd.DataFrame()

    def series(self, stage):
        """Training curves of all runs that have this stage, indexed by run id and step."""
        frames = {}
        for run in self:
            try:
                frames[run.attributes()[layout.RUN_ID]] = run.series(stage)
            except KeyError:
                continue
        return pd.concat(frames, names=[layout.RUN_ID]) if frames else pd.DataFrame()
