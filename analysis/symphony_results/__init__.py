"""Reads the logs of Symphony Lab. The only Python code that knows paths inside the files; results/README.md describes the format.

    run = open_run("results/alignment/none-s1/run.h5")
    run.evaluation()                      one row a number (pandas)
    run.series("training/router")         training curves, indexed by step (pandas)
    run.dataset("evaluation/step_0/routing")   arrays with labelled axes (xarray)

    sweep = open_sweep("results/alignment")
    sweep.runs(), sweep.evaluation()      of all runs (pandas)
    sweep.recorded("routing")["load"]     one array over runs and moments (xarray)
    Table(sweep).against_baseline()       paired differences with intervals, corrected together
"""
from .comparison import Comparison, Table, over_shared_windows
from .run import Run, open_run
from .sweep import Sweep, open_sweep

__all__ = ["Comparison", "Run", "Sweep", "Table", "open_run", "open_sweep", "over_shared_windows"]
