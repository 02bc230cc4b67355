"""Which expert each domain's tokens go to, layer by layer, and how balance and specialisation change over training."""
import numpy as np
import style
from symphony_results import statistics

QUESTION = "Where do tokens go, and does routing know the domain?"
CAPTION = ("Heat maps: share of a domain's choices that each expert gets at the end of training, mean over seeds, for the baseline and the best other "
           "variant; experts bear the names of their sources where each source gives one. Curves: entropy of the load (1 is perfect balance) and what a "
           "token's first expert tells of its domain (share of the domain's entropy; 0 is nothing), mean over layers, 95 % t interval over seeds.")


def last(data, name):
    """Mean over seeds of the last moment that is there: [layer, domain, expert]."""
    return data[name].isel(moment=-1).mean("run")


def load_panel(table, block, variant, data):
    load = last(data, "load")
    layers, domains = len(load["layer"]), [str(d) for d in load["domain"].values]
    panel, axes = style.panel(style.where(block, f"load, {variant}"), 0.85 + 0.23 * len(domains), 1, layers, sharey=True, squeeze=False)
    experts = table.sweep.expert_names(block, variant) or [str(int(number)) for number in load["expert"].values]
    for layer, one in enumerate(axes[0]):
        values = load.isel(layer=layer).values
        style.heat_map(one, values, [[f"{100 * v:.0f}" for v in row] for row in values], domains, experts, style.SEQUENTIAL, 0, max(0.6, load.values.max()), 7)
        one.set_title(f"layer {int(load['layer'].values[layer])}", fontweight="normal")
        one.tick_params(axis="x", labelrotation=60, labelsize=7)
    return panel


def curve_panel(table, block, variants, data):
    panel, axes = style.panel(style.where(block, "balance and specialisation over training"), 2.6, 1, 2)
    for one, name, label in ((axes[0], "load_entropy", "entropy of the load"), (axes[1], "expert_domain_information_share", "told of the domain")):
        for number, variant in enumerate(variants):
            values = data[name].where(data["variant"] == variant, drop=True)
            values = values.mean([dim for dim in values.dims if dim not in ("run", "moment")])
            moments = [str(m) for m in values["moment"].values]
            estimates = [statistics.over_seeds(v[~np.isnan(v)]) for v in values.transpose("moment", "run").values]
            spread = [0 if np.isnan(e.half_width) else e.half_width for e in estimates]
            one.errorbar(np.arange(len(moments)) + 0.06 * number, [e.mean for e in estimates], spread, color=style.COLOURS[number], capsize=2,
                         marker=style.MARKERS[number], markersize=4.5, linestyle=style.LINES[number], elinewidth=0.9, label=variant)
        one.set_xticks(range(len(moments)), moments)
        one.set_xlim(-0.3, len(moments) - 0.6)
        one.set_title(label, fontweight="normal")
        style.grid(one, "y")
    axes[1].set_ylim(bottom=0)
    style.legend_below(panel, *axes[0].get_legend_handles_labels(), 2)
    return panel


def draw(table):
    panels = []
    for block in table.sweep.blocks():
        variants = style.focus(table, block, table.sweep.having(block, "routing"))
        if not variants:
            continue
        data = table.sweep.recorded("routing", [run for variant in variants for run in table.sweep.finished(block, variant)])
        panels += [load_panel(table, block, variant, data.where(data["variant"] == variant, drop=True)) for variant in variants]
        panels.append(curve_panel(table, block, variants, data))
    if not panels:
        raise style.Missing("no run has the suite routing (eval: [routing])")
    return panels


if __name__ == "__main__":
    style.main(draw)
