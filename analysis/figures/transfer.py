"""Transfer and forgetting: every model on every domain, against the best single source of that domain."""
import numpy as np
import style
from symphony_results import statistics

QUESTION = "What does each model know of each domain, and what did it forget?"
CAPTION = ("Value at the end of training, mean over seeds, and below it the half width of its 95 % t interval over seeds. Colour: difference from the "
           "best single source of that domain; purple is better than that source, orange worse (forgotten, or never learned). A gap separates "
           "domains that no source saw.")


def cells(table, block):
    """[(model, {domain: {seed: value}})]: sources, then rivals, then variants."""
    rows = []
    for subject in table.rivals(block):
        holder = table.rival_holder(block)
        rows.append((f"({subject})", {task: table.values(block, holder, "given", task, subject) for task in table.tasks()}))
    for variant in table.sweep.variants(block):
        if table.values(block, variant) and variant not in table.sweep.controls:
            rows.append((variant or "model", {task: table.values(block, variant, task=task) for task in table.tasks()}))
    return rows


def cell_text(values):
    estimate = statistics.over_seeds(values)
    return f"{estimate.mean:.2f}" if estimate.n < 2 else f"{estimate.mean:.2f}\n\u00b1{estimate.half_width:.2f}"


def draw(table):
    panels = []
    for block in table.sweep.blocks():
        rows = cells(table, block)
        sources = [values for name, values in rows if name.startswith("(source_")]
        tasks = [task for task in table.tasks() if all(values[task] for _, values in rows)]
        if not sources or not tasks or len(rows) == len(sources):
            continue
        mean = np.array([[np.mean(list(values[task].values())) for task in tasks] for _, values in rows])
        own = mean[: len(sources)]
        change = mean - (own.max(axis=0) if table.better == "higher" else own.min(axis=0))
        if table.better == "higher":
            change = -change
        texts = [[cell_text(list(values[task].values())) for task in tasks] for _, values in rows]
        panel, axes = style.panel(style.where(block, "model by domain"), 0.75 + 0.33 * len(rows), wide=True)
        style.heat_map(axes, change, texts, [name for name, _ in rows], tasks, style.DIVERGING, -2, 2, size=7.5)
        axes.xaxis.tick_top()
        in_domain = sum(task in table.sweep.domains(block) for task in tasks)
        if 0 < in_domain < len(tasks):
            axes.axvline(in_domain - 0.5, color="white", linewidth=5)
        axes.axhline(len(table.rivals(block)) - 0.5, color="white", linewidth=4)
        panels.append(panel)
    if not panels:
        raise style.Missing("the sources were not evaluated beside the variants (rivals: [oracle_source])")
    return panels


if __name__ == "__main__":
    style.main(draw)
