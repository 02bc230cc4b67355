"""Activations by layer and site: mean and spread, and how far the largest lies out."""
import numpy as np
import style

QUESTION = "Do activations stay sane from layer to layer?"
CAPTION = ("Left: mean and standard deviation over tokens and features. Right: the largest absolute value in standard deviations. Mean over domains and "
           "seeds; bars span the smallest to the largest domain and seed. Baseline and best other variant, at step 0 (hollow, dashed) and at the end "
           "of training.")


def span(values):
    """Mean, and distances to the smallest and largest, over everything but the layer."""
    flat = values.transpose("layer", ...).values.reshape(values.sizes["layer"], -1)
    mean = np.nanmean(flat, axis=1)
    return mean, np.array([mean - np.nanmin(flat, axis=1), np.nanmax(flat, axis=1) - mean])


def site_panel(table, block, site, variants):
    panel, axes = style.panel(style.where(block, site), 2.7, 1, 2)
    for number, variant in enumerate(variants):
        data = table.sweep.activations(site, table.sweep.finished(block, variant))
        if "variance" not in data:
            return None  # indices, such as a router's choices
        moments = list(data["moment"].values)
        for moment in dict.fromkeys([moments[0], moments[-1]]):
            at = data.sel(moment=moment)
            is_last = moment == moments[-1]
            deviation = np.sqrt(at["variance"])
            layers = at["layer"].values + 0.07 * (2 * number + is_last - 1.5)
            look = {"color": style.COLOURS[number], "marker": style.MARKERS[number], "linestyle": "-" if is_last else (0, (3, 2)), "markersize": 4.5,
                    "markerfacecolor": style.COLOURS[number] if is_last else "white", "elinewidth": 0.8, "label": f"{variant or 'the model'}, {moment}"}
            for one, values in ((axes[0], deviation), (axes[1], at["abs_max"] / deviation)):
                mean, reach = span(values)
                one.errorbar(layers, mean, reach, **look)
            mean, reach = span(at["mean"])
            axes[0].errorbar(layers, mean, reach, **{**look, "label": None, "linewidth": 0.8, "alpha": 0.55})
    axes[0].set_title("mean (thin) and deviation", fontweight="normal")
    axes[1].set_title("largest / deviation", fontweight="normal")
    for one in axes:
        one.set_xticks(at["layer"].values, [f"{int(layer)}" for layer in at["layer"].values])
        one.set_xlabel("layer")
        style.grid(one, "y")
    style.legend_below(panel, *axes[0].get_legend_handles_labels(), 2)
    return panel


def draw(table):
    sites = table.sweep.sites()
    panels = []
    for block in table.sweep.blocks():
        for site in sites:
            variants = style.focus(table, block, table.sweep.having(block, f"activations/{site}"))
            if variants:
                panels.append(site_panel(table, block, site, variants))
    panels = [one for one in panels if one]
    if not panels:
        raise style.Missing("no activations were logged (logging: { activations: { sites: [...] } })")
    return panels


if __name__ == "__main__":
    style.main(draw)
