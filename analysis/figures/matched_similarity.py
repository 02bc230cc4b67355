"""Similarity of matched units before and after alignment, layer by layer."""
import numpy as np
import style

QUESTION = "Did the alignment find counterparts?"
CAPTION = ("Mean similarity of the units that are paired, as the method measures it (activation correlation or weight cosine), before (hollow) and after "
           "(filled) matching, on the calibration tokens. Mean over sources and seeds; bars span the smallest to the largest of them. Groups without "
           "layers (the residual basis) stand at 'all'.")


def draw_variant(axes, frame, layers, look, offset):
    for column, filled in (("similarity_before", False), ("similarity_after", True)):
        for position, layer in enumerate(layers):
            chosen = frame[frame["layer"].isna() if np.isnan(layer) else frame["layer"] == layer][column].dropna()
            if chosen.empty:
                continue
            axes.plot([position + offset] * 2, [chosen.min(), chosen.max()], color=look["color"], linewidth=1)
            axes.plot(position + offset, chosen.mean(), markersize=5.5, linestyle="", **(look if filled else {**look, "markerfacecolor": "white", "label": None}))


def draw(table):
    matching = table.sweep.matching()
    if matching.empty:
        raise style.Missing("no variant aligned anything")
    panels = []
    for (block, group), frame in matching.groupby(["block", "group"], sort=False):
        layers = sorted(frame["layer"].unique(), key=lambda layer: -1 if np.isnan(layer) else layer)
        panel, axes = style.panel(style.where(block, group.replace("_", " ")), 2.5)
        variants = list(dict.fromkeys(frame["variant"]))
        for number, variant in enumerate(variants):
            look = {"color": style.COLOURS[number % len(style.COLOURS)], "marker": style.MARKERS[number % len(style.MARKERS)], "label": variant}
            draw_variant(axes, frame[frame["variant"] == variant], layers, look, 0.14 * (number - (len(variants) - 1) / 2))
        axes.set_xticks(range(len(layers)), ["all" if np.isnan(layer) else f"layer {int(layer)}" for layer in layers])
        axes.set_xlim(-0.5, len(layers) - 0.5)
        axes.set_ylabel("similarity of pairs")
        axes.set_ylim(min(-0.05, matching["similarity_before"].min()), 1.03)
        style.grid(axes, "y")
        style.legend_below(panel, *axes.get_legend_handles_labels(), 3)
        panels.append(panel)
    return panels


if __name__ == "__main__":
    style.main(draw)
