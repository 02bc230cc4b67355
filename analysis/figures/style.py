"""What all figures share: how a figure is found and drawn, colours, and how one is saved.

A figure is a script with QUESTION (what it answers), CAPTION (what is drawn, what the uncertainty is) and draw(table) -> [Panel, ...], a pure
function of results (symphony_results.Table). Where a sweep does not hold what a figure needs, draw raises Missing with one line that says so.

Colours: Okabe and Ito (2008), told apart by colour-blind readers and told by markers and line styles too; heat maps grow darker on white, so
that they print in grey.
"""
import io
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import matplotlib  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.colors import LinearSegmentedColormap  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

INK, GREY, FAINT = "#1b1f24", "#6b7280", "#d7dbe0"
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, YELLOW = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442"
COLOURS = [BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, INK]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
LINES = ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1.5, 1.5)), (0, (8, 3))]
HALF, WIDE = 4.6, 9.4  # inches: one column and two of the report

# Neither end so dark that numbers on it are hard to read.
SEQUENTIAL = LinearSegmentedColormap.from_list("sequential", matplotlib.colormaps["Blues"](np.linspace(0.02, 0.85, 64)))
DIVERGING = LinearSegmentedColormap.from_list("diverging", matplotlib.colormaps["PuOr_r"](np.linspace(0.14, 0.86, 65)))

matplotlib.rcParams.update({
    "font.family": "sans-serif", "font.sans-serif": ["Inter", "Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans"], "font.size": 9,
    "svg.fonttype": "none", "svg.hashsalt": "symphony", "pdf.fonttype": 42, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": GREY, "axes.labelcolor": INK, "text.color": INK, "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "axes.titlesize": 9, "axes.titleweight": "bold", "axes.labelsize": 9, "axes.linewidth": 0.7, "xtick.major.width": 0.7,
    "ytick.major.width": 0.7, "legend.frameon": False, "legend.fontsize": 8.5, "lines.linewidth": 1.5, "figure.facecolor": "white",
    "savefig.facecolor": "white"})


class Missing(Exception):
    """The sweep does not hold what the figure needs."""


@dataclass
class Panel:
    title: str
    figure: Figure
    wide: bool = False


def panel(title, height, rows=1, columns=1, wide=False, **options):
    """A Panel and its axes."""
    figure = Figure(figsize=(WIDE if wide else HALF, height), layout="constrained")
    return Panel(title, figure, wide), figure.subplots(rows, columns, **options)


def svg(figure):
    """SVG without the XML prologue: the same bytes for the same figure."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg"):]


def grid(axes, axis="x"):
    axes.grid(axis=axis, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def heat_map(axes, values, texts, rows, columns, colours, low, high, size=8):
    """Cells with their numbers written in, dark on light and light on dark."""
    mesh = axes.pcolormesh(np.arange(len(columns)), np.arange(len(rows)), values, cmap=colours, vmin=low, vmax=high, shading="nearest", edgecolor="white",
                           linewidth=0.5)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for row in range(len(rows)):
        for column in range(len(columns)):
            red, green, blue, _ = mesh.cmap(mesh.norm(values[row][column]))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
            axes.text(column, row, texts[row][column], ha="center", va="center", fontsize=size, color="white" if dark else INK)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def focus(table, block, having):
    """The variants that a crowded figure shows of a block: the baseline and the best other by its last value, among those with data
    (`having`) that are not a control of rounding."""
    sweep = table.sweep
    candidates = [v for v in having if v not in sweep.controls and table.values(block, v)]
    mean = {v: sum(table.values(block, v).values()) / len(table.values(block, v)) for v in candidates}
    best = sorted((v for v in candidates if v != sweep.baseline), key=lambda v: mean[v] * (-1 if table.better == "higher" else 1))
    return [v for v in candidates if v == sweep.baseline] + best[:1]


def legend_below(one, handles, labels, columns):
    """A legend under all axes of a panel, which make room for it."""
    unique = dict(zip(labels, handles))
    rows = -(-len(unique) // columns)
    room = (0.17 * rows + 0.06) / one.figure.get_figheight()
    one.figure.get_layout_engine().set(rect=(0, room, 1, 1 - room))
    one.figure.legend(unique.values(), unique.keys(), loc="lower center", ncols=columns, borderaxespad=0.1, handlelength=1.9, columnspacing=1.2)


def where(block, text):
    return f"{block}: {text}" if block else text


def main(draw):
    """A figure alone: python3 analysis/figures/NAME.py results/EXPERIMENT FILE.svg|.pdf|.png (one file a panel: FILE-2.svg, ...)."""
    from symphony_results import Table, open_sweep

    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} results/EXPERIMENT FILE.svg|.pdf|.png")
    target = Path(sys.argv[2])
    try:
        panels = draw(Table(open_sweep(sys.argv[1])))
    except (Missing, FileNotFoundError) as missing:
        sys.exit(str(missing))
    for number, one in enumerate(panels, 1):
        path = target if number == 1 else target.with_stem(f"{target.stem}-{number}")
        one.figure.savefig(path, dpi=200)
        print(f"{path}: {one.title}")
