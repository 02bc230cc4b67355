"""Training curves over seeds: the sources', and of every phase the variants'. Curves that lie on each other share one line and say so."""
import numpy as np
import style

QUESTION = "How did training go?"
CAPTION = "Training loss by step: mean over seeds, and the range of seeds as a band. Variants whose mean curves coincide (within 0.5 % of the axis) share one line."
SAME = 0.005


def by_seed(frame):
    """[step, seed] of the loss."""
    return frame.pivot_table(index="step", columns="seed", values="loss")


def merged(curves):
    """[(names, [step, seed])]: curves of the same steps that coincide are one."""
    everything = np.concatenate([curve.mean(axis=1).values for curve in curves.values()])
    tolerance = SAME * (everything.max() - everything.min())
    groups = []
    for name, curve in curves.items():
        for names, other in groups:
            if curve.shape == other.shape and np.abs(curve.mean(axis=1).values - other.mean(axis=1).values).max() <= tolerance:
                names.append(name)
                break
        else:
            groups.append(([name], curve))
    return groups


def label(names, baseline):
    shown = baseline if baseline in names else names[0]
    others = [name for name in names if name != shown]
    return shown if not others else f"{shown}, {others[0]}" if len(others) == 1 else f"{shown} and {len(others)} that coincide"


def curves_panel(title, curves, baseline=""):
    groups = merged(curves)
    panel, axes = style.panel(title, 3.0)
    for number, (names, curve) in enumerate(groups):
        colour = style.COLOURS[number % len(style.COLOURS)]
        line = style.LINES[(number // len(style.COLOURS) + number) % len(style.LINES)]
        axes.fill_between(curve.index, curve.min(axis=1), curve.max(axis=1), color=colour, alpha=0.15, linewidth=0)
        axes.plot(curve.index, curve.mean(axis=1), color=colour, linestyle=line, label=label(names, baseline))
    axes.set_xlabel("step")
    axes.set_ylabel("loss [nats a token]")
    style.grid(axes, "y")
    style.legend_below(panel, *axes.get_legend_handles_labels(), 2)
    return panel


def draw(table):
    panels, baseline = [], table.sweep.baseline
    for block in table.sweep.blocks():
        variants = [variant for variant in table.sweep.variants(block) if table.values(block, variant)]
        shown = baseline if baseline in variants else next(iter(variants), None)
        sources = table.sweep.curves("sources", table.sweep.finished(block, shown)) if shown is not None else []
        if len(sources):
            panels.append(curves_panel(style.where(block, "sources"), {name: by_seed(frame) for name, frame in sources.groupby("name", sort=False)}))
        training = table.sweep.curves("training", table.sweep.finished(block))
        for phase in dict.fromkeys(training["name"]) if len(training) else []:
            chosen = training[training["name"] == phase]
            curves = {variant: by_seed(frame) for variant, frame in chosen.groupby("variant", sort=False)}
            panels.append(curves_panel(style.where(block, f"phase {phase}"), curves, baseline))
    if not panels:
        raise style.Missing("nothing was trained here")
    return panels


if __name__ == "__main__":
    style.main(draw)
