"""Activations by layer and site: mean and spread, and how far the largest lies out and where."""
import numpy as np
import style

QUESTION = "Do activations stay sane from layer to layer?"
CAPTION = ("Left: mean and standard deviation over tokens and features. Middle: the largest absolute value in standard deviations; numbers at the "
           "foot are features that hold it in all domains of a seed at the end of training. Right: kurtosis, 3 for a normal distribution (dotted). "
           "Mean over domains, experts and seeds; bars span the smallest to the largest of them. Baseline and best other variant, at step 0 (hollow, dashed) "
           "and at the end of training.")
NORMAL_KURTOSIS = 3


def by_layer(values):
    """Everything but the layer in one axis."""
    return values.transpose("layer", ...).values.reshape(values.sizes["layer"], -1)


def span(values):
    """Mean, and distances to the smallest and largest, over everything but the layer; an expert that saw no token does not count."""
    flat = by_layer(values)
    mean = np.nanmean(flat, axis=1)
    return mean, np.array([mean - np.nanmin(flat, axis=1), np.nanmax(flat, axis=1) - mean])


def fixed_features(features):
    """By layer the features that hold the largest value in all domains (and experts) of a seed, each once."""
    by_run = features.transpose("layer", "run", ...).values.astype(float)
    found = []
    for runs in by_run.reshape(*by_run.shape[:2], -1):
        seen = [row[~np.isnan(row)] for row in runs]
        found.append(sorted({int(row[0]) for row in seen if len(row) > 1 and (row == row[0]).all()}))
    return found


def measures(at):
    """What each of the axes draws."""
    deviation = np.sqrt(at["variance"])
    return deviation, at["abs_max"] / deviation, at["kurtosis"]


def site_panel(table, block, site, variants):
    panel, axes = style.panel(style.where(block, site), 2.7, 1, 3, wide=True)
    marked = {}
    for number, variant in enumerate(variants):
        data = table.sweep.activations(site, table.sweep.finished(block, variant))
        if "kurtosis" not in data:
            return None  # indices, such as a router's choices
        moments = list(data["moment"].values)
        for moment in dict.fromkeys([moments[0], moments[-1]]):
            at = data.sel(moment=moment)
            is_last = moment == moments[-1]
            layers = at["layer"].values + 0.07 * (2 * number + is_last - 1.5)
            look = {"color": style.COLOURS[number], "marker": style.MARKERS[number], "linestyle": "-" if is_last else (0, (3, 2)), "markersize": 4.5,
                    "markerfacecolor": style.COLOURS[number] if is_last else "white", "elinewidth": 0.8, "label": f"{variant or 'the model'}, {moment}"}
            for one, values in zip(axes, measures(at)):
                one.errorbar(layers, *span(values), **look)
            axes[0].errorbar(layers, *span(at["mean"]), **{**look, "label": None, "linewidth": 0.8, "alpha": 0.55})
        for layer, features in zip(at["layer"].values, fixed_features(at["abs_max_feature"])):
            marked.setdefault(layer, set()).update(features)
    for one, title in zip(axes, ("mean (thin) and deviation", "largest / deviation", "kurtosis")):
        one.set_title(title, fontweight="normal")
        one.set_xticks(at["layer"].values, [f"{int(layer)}" for layer in at["layer"].values])
        one.set_xlim(at["layer"].values.min() - 0.4, at["layer"].values.max() + 0.4)
        one.set_xlabel("layer")
        style.grid(one, "y")
    for layer, features in marked.items():
        axes[1].annotate(", ".join(map(str, sorted(features))), (layer, 0), xycoords=("data", "axes fraction"), xytext=(0, 3), textcoords="offset points", ha="center",
                         fontsize=7, color=style.GREY)
    axes[2].axhline(NORMAL_KURTOSIS, color=style.GREY, linewidth=0.8, linestyle=":")
    style.legend_below(panel, *axes[0].get_legend_handles_labels(), 4)
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
