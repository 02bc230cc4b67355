"""The paired comparisons of a sweep: variants against a baseline, or the questions that the experiment asks."""
from dataclasses import dataclass, replace

from . import statistics
from .statistics import Estimate

METRIC = "bits_per_byte"
IN_DOMAIN = "in_domain"
AVERAGES = (IN_DOMAIN, "mean over layers", "mean over pairs")  # tasks that stand for all of a suite's others


@dataclass(frozen=True)
class Comparison:
    block: str
    variant: str
    against: str
    estimate: Estimate      # over seeds, or with one seed over its windows
    by_seed: dict           # seed: Estimate over that seed's windows; its interval is NaN where windows were not recorded
    rounding: tuple         # what one ulp in the start did to `against`, by control and seed
    p_holm: float
    verdict: str
    ask: str = ""

    @property
    def differences(self):
        return [estimate.mean for estimate in self.by_seed.values()]


def over_shared_windows(left, right, difference):
    """`difference` of two runs' values with the interval over their held-out windows ({domain: (hash, values)}); without one where nothing says that
    the windows are the same: another length, context or recipe may give as many others."""
    which = [{domain: (hash_, len(values)) for domain, (hash_, values) in windows.items()} for windows in (left, right)]
    if not left or which[0] != which[1] or not all(hash_ and count for hash_, count in which[0].values()):
        nan = float("nan")
        return Estimate(float(difference), nan, nan, nan, 0, "held-out window")
    values = [{domain: values for domain, (_, values) in windows.items()} for windows in (left, right)]
    return statistics.paired_over_windows(*values, value=float(difference))


def first_metric(rows):
    """The first metric of a model's in-domain rows that has a direction; bits_per_byte where there is none, so that messages name one."""
    chosen = rows[(rows["subject"] == "model") & (rows["task"] == IN_DOMAIN) & (rows["better"] != "neither")] if len(rows) else rows
    return chosen.iloc[0]["metric"] if len(chosen) else METRIC


class Table:
    """Values of one metric of a sweep's finished runs at the points of a model's life; by default of their first."""

    def __init__(self, sweep, metric=None):
        self.sweep = sweep
        self.rows = sweep.evaluation(status="finished")
        self.metric = metric or first_metric(self.rows)
        self.moments = sweep.moments()
        self.seeds = sorted(self.rows["seed"].unique()) if len(self.rows) else []
        chosen = self.rows[self.rows["metric"] == self.metric] if len(self.rows) else self.rows
        if not len(chosen):
            raise ValueError(f"{sweep.folder}: no finished run has the metric {self.metric!r}")
        self.unit, self.better = chosen.iloc[0]["unit"], chosen.iloc[0]["better"]
        self._suite = chosen.iloc[0]["suite"]
        keys = ["block", "variant", "subject", "moment", "task"]
        self._values = {key: dict(zip(group["seed"], group["value"])) for key, group in chosen.groupby(keys, sort=False)}
        self._last = {(run.block, run.variant): run.moments()[-1] for run in sweep.finished() if run.moments()}

    def values(self, block, variant, moment=None, task=IN_DOMAIN, subject="model"):
        """{seed: value}; `moment` None is the variant's last."""
        if moment is None:
            moment = self._last.get((block, variant)) if subject == "model" else "given"
        return self._values.get((block, variant, subject, moment, task), {})

    def last_moment(self, block, variant):
        return self._last.get((block, variant))

    def windows(self, block, variant, seed):
        """Held-out windows of a finished run at its last point, as Run.windows has them."""
        run = next(run for run in self.sweep.finished(block, variant) if run.seed == seed)
        return run.windows(self.last_moment(block, variant), self._suite, self.metric)

    def rivals(self, block):
        """Subjects that nothing was trained for (sources, ensemble, oracle): {subject: {seed: value}}.

        They are those of the block's baseline, or without one of its first variant: a variant may have sources of its own.
        """
        holder = self.rival_holder(block)
        return {key[2]: values for key, values in self._values.items() if key[:2] == (block, holder) and key[2] != "model" and key[4] == IN_DOMAIN}

    def rival_holder(self, block):
        """The variant whose runs hold the rivals' rows; None where no run has any."""
        holders = list(dict.fromkeys(key[1] for key in self._values if key[0] == block and key[2] != "model"))
        return self.sweep.baseline if self.sweep.baseline in holders else next(iter(holders), None)

    def averages(self, block):
        """What suites say of a block's models in one number beside the table's metric: (suite, metric, task)."""
        task = self.rows["task"]
        asked = (self.rows["better"] == "higher") & ~task.isin([*self.tasks(), "out_of_distribution"]) & ~task.str.contains("/")  # questions: a task each
        chosen = (self.rows["block"] == block) & (self.rows["subject"] == "model") & (task.isin(AVERAGES) | asked) & (self.rows["metric"] != self.metric)
        rows = self.rows[chosen]
        return list(dict.fromkeys(zip(rows["suite"], rows["metric"], rows["task"])))

    def average(self, block, variant, suite, metric, task):
        """{seed: value} at the last moment that has it."""
        rows = self.rows
        found = rows[(rows["block"] == block) & (rows["variant"] == variant) & (rows["subject"] == "model") & (rows["suite"] == suite)
                     & (rows["metric"] == metric) & (rows["task"] == task)]
        last = found[found["moment"] == found["moment"].iloc[-1]] if len(found) else found
        return dict(zip(last["seed"], last["value"]))

    def tasks(self):
        """Domains in the order of the suites' rows, the two averages left out."""
        names = dict.fromkeys(key[4] for key in self._values)
        return [name for name in names if name not in (IN_DOMAIN, "out_of_distribution")]

    def compare(self, block, variant, against):
        """The paired difference at the last points of both; None where they share no finished seed. Not yet corrected."""
        left, right = self.values(block, variant), self.values(block, against)
        shared = [seed for seed in left if seed in right]
        if not shared:
            return None
        by_seed = {seed: over_shared_windows(self.windows(block, variant, seed), self.windows(block, against, seed), left[seed] - right[seed]) for seed in shared}
        estimate = statistics.paired_over_seeds(left, right) if len(shared) > 1 else by_seed[shared[0]]
        return Comparison(block, variant, against, estimate, by_seed, (), float("nan"), "")

    def against_baseline(self):
        """Every variant of every block against the sweep's baseline; the controls of rounding stand outside the correction."""
        base, controls = self.sweep.baseline, self.sweep.controls
        found = [self.compare(block, variant, base) for block, variant in self.sweep.points() if base and variant != base]
        return self._judged([(comparison, controls) for comparison in found if comparison])

    def answers(self):
        """The experiment's questions, block by block."""
        found = []
        for block in self.sweep.blocks():
            for question in self.sweep.questions:
                comparison = self.compare(block, question["variant"], question["against"])
                if comparison:
                    found.append((replace(comparison, ask=question["ask"]), list(question.get("noise", []))))
        return self._judged(found)

    def _judged(self, found):
        """Corrected together, all whose p is known. `found`: comparisons, each with the variants that show what rounding does to the baseline; such a
        variant is itself no comparison (core/app/findings.cpp has the same family)."""
        p_values = [float("nan") if one.variant in controls else one.estimate.p for one, controls in found]
        judged = []
        for (one, controls), p_holm in zip(found, statistics.holm(p_values)):
            rounding = [value for control in controls for value in self._differences(one.block, control, self.sweep.baseline)]
            name = statistics.CONTROL if one.variant in controls else statistics.verdict(one.differences, one.estimate, p_holm, rounding)
            judged.append(replace(one, rounding=tuple(rounding), p_holm=float(p_holm), verdict=name))
        return judged

    def _differences(self, block, variant, against):
        left, right = self.values(block, variant), self.values(block, against)
        return [left[seed] - right[seed] for seed in left if seed in right]
