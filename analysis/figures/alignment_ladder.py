"""The alignment ladder: every variant at the points of its life, beside rivals that nothing was trained for."""
import numpy as np
import style
from symphony_results import statistics

QUESTION = "How good is each variant before and after training?"
CAPTION = ("Mean over the in-domain domains at step 0 (hollow), after the router's training (half) and at the end (filled). Ticks below are seeds, "
           "bars the 95 % t interval over seeds. Vertical lines: models that no merge was trained for.")
RIVALS = [("oracle_source", style.GREEN, "-"), ("ensemble", style.ORANGE, (0, (5, 2))), ("best source", style.PURPLE, (0, (1.5, 1.5)))]
FILLS = ["none", "left", "full"]


def rival_lines(table, block):
    """{name: mean}; the best single source stands for all sources."""
    means = {name: float(np.mean(list(values.values()))) for name, values in table.rivals(block).items()}
    sources = [value for name, value in means.items() if name.startswith("source_")]
    lines = {name: value for name, value in means.items() if not name.startswith("source_")}
    if sources:
        lines["best source"] = max(sources) if table.better == "higher" else min(sources)
    return lines


def draw_row(axes, table, block, variant, row):
    points = []
    for position, moment in enumerate(table.moments):
        values = list(table.values(block, variant, moment).values())
        if not values:
            continue
        fill = "full" if moment == table.moments[-1] or len(table.moments) == 1 else FILLS[min(position, 1)]
        estimate = statistics.over_seeds(values)
        points.append(estimate.mean)
        if estimate.n > 1:
            axes.plot([estimate.low, estimate.high], [row, row], color=style.BLUE, linewidth=1.6, alpha=0.5, solid_capstyle="butt")
            axes.plot(values, [row + 0.3] * len(values), "|", color=style.INK, markersize=4, markeredgewidth=0.8, zorder=4)
        axes.plot(estimate.mean, row, "o", color=style.BLUE, markersize=6, fillstyle="full" if fill == "none" else fill, markerfacecoloralt="white",
                  zorder=3, markerfacecolor="white" if fill == "none" else style.BLUE)
    axes.plot(points, [row] * len(points), color=style.FAINT, linewidth=1.2, zorder=1)


def draw(table):
    panels = []
    for block in table.sweep.blocks():
        variants = [v for v in table.sweep.variants(block) if any(table.values(block, v, m) for m in table.moments)]
        lines = rival_lines(table, block)
        if not variants:
            continue
        panel, axes = style.panel(style.where(block, "from step 0 to the end"), 1.3 + 0.235 * len(variants))
        for row, variant in enumerate(variants):
            draw_row(axes, table, block, variant, row)
        for name, colour, line in RIVALS:
            if name in lines:
                axes.axvline(lines[name], color=colour, linestyle=line, linewidth=1.3, label=f"{name} {lines[name]:.2f}", zorder=0)
        axes.set_yticks(range(len(variants)), [variant or "model" for variant in variants])
        axes.set_ylim(len(variants) - 0.4, -0.6)
        axes.set_xlabel(f"{table.metric} [{table.unit}], {table.better} is better")
        style.grid(axes)
        if lines:
            style.legend_below(panel, *axes.get_legend_handles_labels(), 3)
        panels.append(panel)
    if not panels:
        raise style.Missing(f"no variant has the metric {table.metric}")
    return panels


if __name__ == "__main__":
    style.main(draw)
