"""Paired differences from the baseline: every seed with the interval over its own windows, and the interval over seeds."""
import math

import numpy as np
import style

QUESTION = "What differs from the baseline, and by more than chance?"
CAPTION = ("Difference from the baseline at the end of training, paired by seed. Dots: seeds, with the 95 % t interval over their held-out "
           "windows. Diamond and bar: mean and 95 % t interval over seeds; filled where Holm's correction over the table leaves it significant. "
           "Axis linear within the inner ticks, logarithmic beyond.")


def draw_row(axes, comparison, row):
    seeds = list(comparison.by_seed.values())
    offsets = np.linspace(-0.24, 0.24, len(seeds)) if len(seeds) > 1 else [0.0]
    for offset, one in zip(offsets, seeds):
        axes.plot([one.low, one.high], [row + offset] * 2, color=style.SKY, linewidth=1.1)
        axes.plot(one.mean, row + offset, ".", color=style.BLUE, markersize=4)
    if len(seeds) > 1:
        estimate = comparison.estimate
        significant = comparison.p_holm <= 0.05
        axes.plot([estimate.low, estimate.high], [row, row], color=style.INK, linewidth=1.2)
        axes.plot(estimate.mean, row, "D", color=style.INK, markersize=5, markerfacecolor=style.INK if significant else "white", zorder=3)


def set_scale(axes):
    """Linear up to the power of ten below the largest difference's, logarithmic beyond."""
    reach = max(abs(limit) for limit in axes.get_xlim())
    inner = 10.0 ** (math.floor(math.log10(reach)) - (reach < 2 * 10.0 ** math.floor(math.log10(reach)))) if reach > 0 else 1.0
    axes.set_xscale("symlog", linthresh=inner, linscale=1.2)
    ticks = [inner * step for step in ((0.5, 1, 3) if reach < 6 * inner else (0.5, 1, 10, 100)) if inner * step <= reach]
    axes.set_xticks([-tick for tick in reversed(ticks)] + [0] + ticks)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
    axes.xaxis.set_minor_locator(style.matplotlib.ticker.NullLocator())


def draw(table):
    comparisons = table.against_baseline()
    if not comparisons:
        raise style.Missing("no variant can be compared with a baseline")
    panels = []
    for block in table.sweep.blocks():
        rows = [comparison for comparison in comparisons if comparison.block == block]
        if not rows:
            continue
        panel, axes = style.panel(style.where(block, f"difference from {rows[0].against}"), 1.15 + 0.27 * len(rows))
        axes.axvline(0, color=style.GREY, linewidth=0.8)
        rounding = max((abs(value) for comparison in rows for value in comparison.rounding), default=0.0)
        if rounding > 0:
            axes.axvspan(-2 * rounding, 2 * rounding, color=style.FAINT, zorder=0, linewidth=0)
        for row, comparison in enumerate(rows):
            draw_row(axes, comparison, row)
        set_scale(axes)
        axes.tick_params(axis="x", labelsize=8)
        axes.set_yticks(range(len(rows)), [comparison.variant for comparison in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(f"difference in {table.metric} [{table.unit}], {table.better} is better")
        style.grid(axes)
        panels.append(panel)
    return panels


if __name__ == "__main__":
    style.main(draw)
