"""Bits per byte along the straight line between two sources, as they are and after alignment."""
import numpy as np
import style

QUESTION = "Are the sources connected by a line of good models?"
CAPTION = ("Bits per byte of (1 - t) anchor + t source, mean over the in-domain domains, mean over seeds with the range of seeds. Dashed: as trained; "
           "solid: after the variant's alignment. The hump above the straight line between the ends is the barrier.")


def draw(table):
    panels = []
    for block in table.sweep.blocks():
        for variant in table.sweep.having(block, "linear_mode_connectivity"):
            if variant in table.sweep.controls:
                continue
            data = table.sweep.recorded("linear_mode_connectivity", table.sweep.finished(block, variant))
            curves = data["bits_per_byte"].isel(moment=0)
            panel, axes = style.panel(style.where(block, variant or "the model"), 2.9)
            for number, pair in enumerate(curves["pair"].values):
                for state, line in zip(curves["state"].values, (style.LINES[1], style.LINES[0])):
                    values = curves.sel(pair=pair, state=state).transpose("run", "position").values
                    position = curves["position"].values
                    axes.fill_between(position, values.min(0), values.max(0), color=style.COLOURS[number], alpha=0.15, linewidth=0)
                    axes.plot(position, np.mean(values, 0), color=style.COLOURS[number], linestyle=line, marker=style.MARKERS[number], markersize=3,
                              label=f"{pair}, {state}")
            axes.set_xlabel("t")
            axes.set_ylabel("bits per byte")
            style.grid(axes, "y")
            style.legend_below(panel, *axes.get_legend_handles_labels(), 2)
            panels.append(panel)
    if not panels:
        raise style.Missing("no run has the suite linear_mode_connectivity (eval: [linear_mode_connectivity])")
    return panels


if __name__ == "__main__":
    style.main(draw)
