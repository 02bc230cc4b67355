"""How alike a layer's experts are as functions, before and after training."""
import style

QUESTION = "Do the experts stay different?"
CAPTION = ("Linear CKA (unbiased minibatch estimate) between the outputs of two experts on the same inputs, mean over seeds: 1 is the same function up to "
           "rotation and scale. Above: at step 0; below: at the end of training. Permuting neurons cannot change it.")


def similarity_panel(table, block, variant):
    data = table.sweep.recorded("expert_similarity", table.sweep.finished(block, variant))
    cka = data["output_cka"].mean("run")
    moments = [str(m) for m in cka["moment"].values]
    chosen = [moments[0], moments[-1]] if len(moments) > 1 else moments
    layers = [int(layer) for layer in cka["layer"].values]
    names = table.sweep.expert_names(block, variant) or [str(int(number)) for number in cka["expert"].values]
    panel, axes = style.panel(style.where(block, variant), 0.9 + 1.35 * len(chosen), len(chosen), len(layers), sharex=True, sharey=True, squeeze=False)
    for row, moment in enumerate(chosen):
        for column, layer in enumerate(layers):
            values = cka.sel(moment=moment, layer=layer).values
            one = axes[row][column]
            style.heat_map(one, values, [[f"{v:.2f}".replace("0.", ".") for v in line] for line in values], names, names, style.SEQUENTIAL, 0, 1, 7)
            one.set_title(f"{moment}, layer {layer}", fontweight="normal", fontsize=8)
            one.tick_params(axis="x", labelrotation=60, labelsize=7)
            one.tick_params(axis="y", labelsize=7)
    return panel


def draw(table):
    panels = []
    for block in table.sweep.blocks():
        chosen = style.focus(table, block, table.sweep.having(block, "expert_similarity"))
        panels += [similarity_panel(table, block, variant) for variant in chosen]
    if not panels:
        raise style.Missing("no run has the suite expert_similarity (eval: [expert_similarity])")
    return panels


if __name__ == "__main__":
    style.main(draw)
