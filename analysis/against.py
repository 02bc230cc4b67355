"""The second report: two sweeps side by side, variant by variant, and how their experiments differ."""
from dataclasses import replace
from html import escape

import page
import paired_differences
import style
from symphony_results import Comparison, over_shared_windows, statistics


def differences(table, other):
    """Every variant that both sweeps finished, paired by seed (one shared seed: by held-out window), corrected together."""
    found = []
    for block, variant in table.sweep.points():
        left, right = table.values(block, variant), other.values(block, variant)
        shared = [seed for seed in left if seed in right]
        if not shared:
            continue
        by_seed = {seed: over_shared_windows(table.windows(block, variant, seed), other.windows(block, variant, seed), left[seed] - right[seed]) for seed in shared}
        estimate = statistics.paired_over_seeds(left, right) if len(shared) > 1 else by_seed[shared[0]]
        found.append(Comparison(block, variant, "the other sweep", estimate, by_seed, (), float("nan"), ""))
    adjusted = statistics.holm([one.estimate.p for one in found])
    return [replace(one, p_holm=float(p), verdict=statistics.verdict(one.differences, one.estimate, p)) for one, p in zip(found, adjusted)]


def flat(config, prefix=""):
    """{dotted key: value} of nested maps; lists are values."""
    found = {}
    for key, value in config.items():
        found.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value})
    return found


def settings_that_differ(table, other):
    """[(key, here, there)] over the variants of both; the experiment's texts and seeds are left out."""
    found = {}
    for block, variant in table.sweep.points():
        here, there = flat(table.sweep.config(block, variant)), flat(other.sweep.config(block, variant))
        for key in dict.fromkeys([*here, *there]) if there else []:
            if here.get(key) != there.get(key) and key not in ("name", "about", "report", "seed", "expect"):
                found.setdefault((key, str(here.get(key, "-")), str(there.get(key, "-"))), []).append(variant)
    return [(*change, variants) for change, variants in found.items()]


def figure(rows, table):
    panel, axes = style.panel("this sweep less the other", 1.15 + 0.27 * len(rows))
    axes.axvline(0, color=style.GREY, linewidth=0.8)
    for row, one in enumerate(rows):
        paired_differences.draw_row(axes, one, row)
    paired_differences.set_scale(axes)
    axes.set_yticks(range(len(rows)), [style.where(one.block, one.variant) for one in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"difference in {table.metric} [{table.unit}], {table.better} is better")
    style.grid(axes)
    return page.element("div", page.figure(panel, style.svg(panel.figure), 1), cls="figures")


def page_against(table, other, verdict, values, basis):
    """`verdict`, `values`, `basis`: how report.py writes a comparison, values over seeds and what n counts."""
    rows = differences(table, other)
    if not rows:
        raise ValueError(f"{table.sweep.folder} and {other.sweep.folder} share no finished variant under the same seed")
    names = [str(its.sweep.folder) for its in (table, other)]
    html = page.element("h1", f"{escape(names[0])} against {escape(names[1])}")
    html += page.element("p", f"{escape(table.metric)} [{escape(table.unit)}] at the end of training, mean over the in-domain domains, {table.better} is "
                         "better. Differences are the first sweep less the second, paired by seed (with one seed, by held-out window); brackets are 95 % intervals, p is corrected by Holm over the "
                         f"{sum(one.p_holm == one.p_holm for one in rows)} comparisons that have one.")
    cells = []
    for one in rows:
        mean, between = page.interval(one.estimate)
        name = f"<code>{escape(style.where(one.block, one.variant))}</code>"
        cells.append((None, [name, values(table.values(one.block, one.variant)), values(other.values(one.block, one.variant)), f"{mean} <small>{between}</small>",
                             page.p_value(one.p_holm), f"{verdict(one, table.better)} <small>{basis(one.estimate)}</small>"]))
    html += page.element("h2", "Numbers") + page.table(["variant", "this sweep", "the other", "difference", "p (Holm)", "verdict"], cells) + figure(rows, table)
    changes = settings_that_differ(table, other)
    html += page.element("h2", "How the experiments differ")
    listed = [(None, [f"<code>{escape(key)}</code>", f"<code>{escape(here)}</code>", f"<code>{escape(there)}</code>", escape(", ".join(dict.fromkeys(variants)))])
              for key, here, there, variants in changes]
    header = ["setting", "this sweep", "the other", "variants"]
    html += page.table(header, listed, text_columns=(1, 2, 3)) if listed else page.element("p", "Their settings are equal.")
    commands = [its.sweep.plan for its in (table, other)]
    html += page.element("h2", "To reproduce them")
    for plan in commands:
        html += page.element("pre", escape(f"git checkout {plan['git_revision']}\n{' '.join(plan['command_line'])}")) if plan else ""
    return page.document(f"{names[0]} against {names[1]}", html)
