"""The runs of one experiment folder: <folder>/<run id>/run.h5, and the plan that says which of them belong together."""
import copy
import json
from pathlib import Path

import pandas as pd

from . import layout
from .run import FINISHED, open_run

_POINT = ["block", "variant", "seed"]


def open_sweep(folder):
    """The runs of the plan in `folder`, or without a plan all below it; the files themselves are read, so that it works while the sweep goes on."""
    return Sweep(folder)


class Sweep:
    """Runs come in the plan's order: blocks, variants, seeds. Frames and arrays over runs carry block, variant and seed."""

    def __init__(self, folder):
        self.folder = Path(folder)
        plan = self.folder / "plan.json"
        self.plan = json.loads(plan.read_text()) if plan.exists() else {}
        found = {path.parent.name: path for path in sorted(self.folder.glob("*/run.h5"))}
        self._points = self.plan.get("points", [])
        names = dict.fromkeys(point["run_id"] for point in self._points) if self._points else found
        self._runs = {name: open_run(found[name]) for name in names if name in found}
        if not self._runs:
            raise FileNotFoundError(f"{self.folder}: no <run>/run.h5 below it")

    def __len__(self):
        return len(self._runs)

    def __iter__(self):
        return iter(self._runs.values())

    def __getitem__(self, run_id):
        return self._runs[run_id]

    @property
    def about(self):
        return self.plan.get("about", "")

    @property
    def baseline(self):
        return self.plan.get("baseline", "")

    @property
    def questions(self):
        """What the experiment asks: dicts of ask, variant, against and noise."""
        return self._config_of(self._points[0]).get("report", []) if self._points else []

    @property
    def controls(self):
        """Variants that show what rounding does, as the questions name them."""
        return list(dict.fromkeys(name for question in self.questions for name in question.get("noise", [])))

    def config(self, block, variant):
        """The resolved experiment of a variant as nested dicts; {} without a plan."""
        return next((self._config_of(p) for p in self._points if (p["block"], p["variant"]) == (block, variant)), {})

    def _config_of(self, point):
        """A plan keeps its first run's configuration whole and of every run the changes: [[path, value], ...]."""
        config = copy.deepcopy(self.plan["config"])
        for path, value in point["config"]:
            if not path:
                config = copy.deepcopy(value)
                continue
            place = config
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = copy.deepcopy(value)
        return config

    def domains(self, block):
        """Names of a block's domains that a source saw; [] without a plan."""
        return [name for name, domain in self.config(block, self.variants(block)[0]).get("domains", {}).items() if not domain["ood"]]

    def expert_names(self, block, variant):
        """The sources in their order, where each gives one expert (its domain then has an own expert); [] otherwise or where that is not known."""
        sources = list(self.config(block, variant).get("sources", {}).get("models", {}))
        runs = self.finished(block, variant)
        rows = runs[0].evaluation() if runs else pd.DataFrame({"metric": [], "task": []})
        own = set(rows[rows["metric"] == "own_expert_share"]["task"])
        return sources if sources and len(own) == len(sources) else []

    def points(self):
        """All (block, variant) in the plan's order."""
        pairs = [(p["block"], p["variant"]) for p in self._points] or [(run.block, run.variant) for run in self]
        return list(dict.fromkeys(pairs))

    def blocks(self):
        return list(dict.fromkeys(block for block, _ in self.points()))

    def variants(self, block):
        return [variant for its, variant in self.points() if its == block]

    def runs(self):
        """One row a run: experiment, block, variant, seed, status, message; indexed by run id. Runs that have not begun are pending."""
        rows = []
        for run in self:
            root = run.attributes()
            rows.append({"run_id": run.run_id, layout.EXPERIMENT: root[layout.EXPERIMENT], "block": run.block, "variant": run.variant, "seed": run.seed,
                         layout.STATUS: root[layout.STATUS], layout.MESSAGE: root[layout.MESSAGE]})
        for point in self._points:
            if point["run_id"] not in self._runs:
                rows.append({"run_id": point["run_id"], layout.EXPERIMENT: self.plan["experiment"], **{name: point[name] for name in _POINT},
                             layout.STATUS: "pending", layout.MESSAGE: ""})
        return pd.DataFrame(rows).set_index("run_id")

    def finished(self, block=None, variant=None):
        """Finished runs, of one block and variant if they are named."""
        return [run for run in self if block in (None, run.block) and variant in (None, run.variant) and run.status == FINISHED]

    def moments(self):
        """The points of a model's life, as the run with most of them has them: dense models skip the router's phase."""
        return max((run.moments() for run in self.finished()), key=len, default=[])

    def evaluation(self, status=None):
        """Evaluation rows of all runs, or of those with this status."""
        runs = [run for run in self if status in (None, run.status)]
        return pd.concat([run.evaluation() for run in runs], ignore_index=True) if runs else pd.DataFrame()

    def series(self, stage):
        """Training curves of all runs that have this stage, indexed by run id and step."""
        frames = {}
        for run in self:
            try:
                frames[run.run_id] = run.series(stage)
            except KeyError:
                continue
        return pd.concat(frames, names=[layout.RUN_ID]) if frames else pd.DataFrame()

    def curves(self, kind, runs=None):
        """Training curves as one long frame: kind "training" gives phases, "sources" gives sources, in the column `name`."""
        frames = []
        for run in self.finished() if runs is None else runs:
            for name in run.children(kind):
                try:
                    frame = run.series(f"{kind}/{name}").reset_index()
                except KeyError:
                    continue  # a source that was loaded, not trained
                frames.append(frame.assign(block=run.block, variant=run.variant, seed=run.seed, name=name))
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def recorded(self, suite, runs=None):
        """What a suite recorded beside its rows: a Dataset with axes run and moment before the suite's own, or None where no run has it.

        `run` carries the coordinates block, variant and seed; a moment that a run lacks is NaN.
        """
        return self._gather(lambda run, moment: run.dataset(f"{layout.EVALUATION}/{moment}/{suite}"), runs)

    def activations(self, site, runs=None):
        """Statistics (not the raw tokens) of a site, with axes run and moment before the site's own; None where no run has them."""
        return self._gather(lambda run, moment: run.activations(moment, site, raw=False), runs)

    def having(self, block, suite):
        """Variants of a block of which a finished run recorded this suite (or "activations/<site>")."""
        return [variant for variant in self.variants(block) if any(suite in run.suites() for run in self.finished(block, variant))]

    def sites(self):
        """Sites of which activations were logged."""
        suites = dict.fromkeys(suite for run in self.finished() for suite in run.suites())
        return [suite.partition("/")[2] for suite in suites if suite.startswith(f"{layout.ACTIVATIONS}/")]

    def matching(self):
        """Similarity of matched units before and after alignment: one row a run, symmetry group, source and layer (NaN: no layers)."""
        frames = []
        for run in self.finished():
            for group in run.groups("alignment"):
                data = run.dataset(group)
                if "similarity_before" not in data:
                    continue
                frame = data[["similarity_before", "similarity_after"]].to_dataframe().reset_index()
                if "layer" not in frame:
                    frame["layer"] = float("nan")
                frames.append(frame.assign(block=run.block, variant=run.variant, seed=run.seed, group=group.rsplit("/", 1)[1]))
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def _gather(self, read, runs):
        import xarray

        gathered = []
        for run in self.finished() if runs is None else runs:
            by_moment = {}
            for moment in run.moments():
                try:
                    by_moment[moment] = read(run, moment)
                except KeyError:
                    continue
            if by_moment:
                joined = xarray.concat(by_moment.values(), pd.Index(by_moment, name="moment"), combine_attrs="override")
                gathered.append(joined.assign_coords(block=run.block, variant=run.variant, seed=run.seed, run=run.run_id))
        if not gathered:
            return None
        data = xarray.concat(gathered, "run", combine_attrs="override")
        return data.reindex(moment=[moment for moment in self.moments() if moment in data["moment"].values])
