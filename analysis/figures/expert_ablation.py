"""What is lost of each domain when one expert is taken away, by expert."""
import numpy as np
import style
from symphony_results import statistics

QUESTION = "What does each expert do for each domain?"
CAPTION = ("Bits per byte without the expert less those of the whole model, on the same held-out windows at the end of training: orange is worse without it, "
           "purple better. Below each number the half width of its 95 % interval, over seeds where there are several and over windows with one. Experts "
           "bear the names of their sources where each source gives one. Baseline and best other variant.")


def cells(data):
    """Mean and half width, each [domain, expert]; NaN for the half width of one seed whose file does not say how many windows there were."""
    last = data.isel(moment=-1)
    effect, error = (last[name].transpose("run", "domain", "expert").values for name in ("effect", "effect_error"))
    windows = last["windows"].transpose("run", "domain").values[0] if "windows" in last else np.zeros(effect.shape[1])

    def estimate(domain, expert):
        if len(effect) > 1:
            return statistics.over_seeds(effect[:, domain, expert])
        return statistics.from_error(effect[0, domain, expert], error[0, domain, expert], int(windows[domain]), "held-out window")

    estimates = [[estimate(domain, expert) for expert in range(effect.shape[2])] for domain in range(effect.shape[1])]
    return (np.array([[getattr(one, name) for one in row] for row in estimates]) for name in ("mean", "half_width"))


def ablation_panel(table, block, variant):
    data = table.sweep.recorded("ablate_expert", table.sweep.finished(block, variant))
    mean, half_width = cells(data)
    domains = [str(name) for name in data["domain"].values]
    experts = table.sweep.expert_names(block, variant) or [str(int(number)) for number in data["expert"].values]
    texts = [[f"{m:+.2f}\n\u00b1{h:.2f}" if h == h else f"{m:+.2f}" for m, h in zip(*row)] for row in zip(mean, half_width)]
    panel, axes = style.panel(style.where(block, variant or 'the model'), 0.75 + 0.33 * len(domains))
    reach = max(0.1, float(np.abs(mean).max()))
    style.heat_map(axes, mean, texts, domains, experts, style.DIVERGING, -reach, reach, 7.5)
    axes.set_xlabel("without the expert")
    return panel


def draw(table):
    panels = []
    for block in table.sweep.blocks():
        panels += [ablation_panel(table, block, variant) for variant in style.focus(table, block, table.sweep.having(block, "ablate_expert"))]
    if not panels:
        raise style.Missing("no run has the suite ablate_expert (eval: [ablate_expert])")
    return panels


if __name__ == "__main__":
    style.main(draw)
