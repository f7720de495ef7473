/** The script that lies beside the figures: the same curves for print by matplotlib, from the rows of the .csv files alone. */

export const PLOT_SCRIPT = `"""Draws the figures of this folder for print:  python plot.py [pdf|svg|png] [column|page] [usetex]   (needs matplotlib)

Reads NAME.csv (the plotted rows) and NAME.json (axes, titles and colours as in the picture, and its caption) and writes NAME-print.pdf, as
wide as a column of a journal or a page. Yours to change. Zeros on a log axis stand in a lane beside it, as in the pictures; an open triangle
is an upper bound; x is the last point before divergence. Where the study says figure: { latex: true }, symbols are set as mathematics; with
usetex all letters are set by LaTeX itself, which must be installed."""
import csv
import json
import math
import sys
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker

# A column of a journal is 3.35 inches wide, a page 6.9. Letters as large as those of a caption, and embedded as letters.
WIDTHS = {"column": 3.35, "page": 6.9}
matplotlib.rcParams.update({
    "font.size": 7.5, "axes.labelsize": 7.5, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 6.5,
    "axes.linewidth": 0.5, "xtick.major.width": 0.5, "ytick.major.width": 0.5, "lines.linewidth": 1.0, "legend.frameon": False,
    "axes.grid": True, "grid.color": "#E4E4E4", "grid.linewidth": 0.4, "axes.axisbelow": True, "pdf.fonttype": 42, "ps.fonttype": 42,
})

def scale_of(spec, channel):
    """log if any view of the figure has a log scale there."""
    views = [spec]
    for view in views:
        views += view.get("layer", []) + view.get("vconcat", [])
        scale = view.get("encoding", {}).get(channel, {}).get("scale") or {}
        if scale.get("type") == "log":
            return "log"
    return "linear"


def lane_of(value, plan):
    """The lane beside the scale of what it has no place for: zero, negative, infinite."""
    kind = "infinite" if not math.isfinite(value) else "zero" if value == 0 else "negative" if value < 0 else None
    return next((lane for lane in plan["lanes"] if lane["kind"] == kind), None)


def draw_curve(axis, curve, x, plans, **look):
    """A line that ends at what has no place on the scales, and marks for that: dots in lanes, open triangles for upper bounds."""
    line, dots, bounds = [], [], []
    for row in curve:
        at, up = float(row[x]), float(row["value"])
        across, lane = lane_of(at, plans["x"]), lane_of(up, plans["y"])
        place = (across["middle"] if across else at, lane["middle"] if lane else up)
        bounded = row.get("mark") == "atMost"
        line.append((place[0], math.nan) if across or lane or bounded else place)
        if across or lane:
            dots.append(place)
        elif bounded:
            bounds.append(place)
    # A point without neighbours is no line.
    whole = [math.isfinite(y) for _, y in line]
    for k, place in enumerate(line):
        if whole[k] and not any(whole[max(0, k - 1) : k] + whole[k + 1 : k + 2]):
            dots.append(place)
    (drawn,) = axis.plot(*zip(*line), **look)
    for places, shape in ((dots, "o"), (bounds, "v")):
        if places:
            axis.plot(*zip(*places), linestyle="", marker=shape, markersize=4, color=drawn.get_color(),
                      fillstyle="full" if shape == "o" else "none", clip_on=False)
    if curve[-1].get("mark") == "diverged":
        axis.plot(*line[-1], marker="x", color=drawn.get_color(), clip_on=True)
    return drawn


def set_axes(axis, plans, say):
    """Scales, ticks and lanes as in the pictures beside."""
    for name, plan in plans.items():
        getattr(axis, f"set_{name}scale")(plan["type"])
        getattr(axis, f"set_{name}ticks")([value for value, _ in plan["ticks"]], [say(label) for _, label in plan["ticks"]])
        getattr(axis, f"{name}axis").set_minor_locator(matplotlib.ticker.NullLocator())
        getattr(axis, f"set_{name}lim")(plan["domain"])
        for lane in plan["lanes"]:
            (axis.axvline if name == "x" else axis.axhline)(lane["inner"], color="0.5", linewidth=0.8)


def look_of(label, plans):
    """Colour, dash and width as in the picture; matplotlib's own where that does not say."""
    for curve in (plans or {}).get("curves", []):
        if curve["label"] == label:
            dash = curve["dash"]
            solid = len(dash) < 2 or (dash[0] == 1 and dash[1] == 0)
            width = 0.55 * curve["width"]
            return {"color": curve["colour"], "linewidth": width, "linestyle": "-" if solid else (0, [part / 1.3 for part in dash]),
                    "alpha": curve.get("opacity", 1), "drawstyle": "steps-post" if curve.get("steps") else "default"}
    return {}


def escape(text):
    """Words for LaTeX itself: between formulas its special letters are letters. matplotlib's own setting takes them as they are."""
    special = {letter: "\\\\" + letter for letter in "&%#_{}"} | {"~": r"\\textasciitilde{}", "^": r"\\textasciicircum{}"}
    parts = text.split("$")
    return "$".join(part if k % 2 else "".join(special.get(letter, letter) for letter in part) for k, part in enumerate(parts))


def sayer(latex):
    """How a text is set: as the picture has it, or as LaTeX where the study asks for that."""
    def say(text):
        said = (latex or {}).get(text, text)
        return escape(said) if "usetex" in words else said
    return say


folder, words = Path(__file__).parent, sys.argv[1:]
matplotlib.rcParams["text.usetex"] = "usetex" in words
ending = next((word for word in words if word not in WIDTHS and word != "usetex"), "pdf")
across = WIDTHS[next((word for word in words if word in WIDTHS), "column")]
for table in sorted(folder.glob("*.csv")):
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    if not rows or "value" not in rows[0]:
        continue  # the raster of pieces is no curve
    spec = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
    latex = (spec.get("usermeta") or {}).get("latex")
    if latex is None and "usetex" in words:
        sys.exit("usetex: the words of these figures are not LaTeX; gradflow run STUDY --set figure.latex=true draws them anew without computing")
    if latex is not None:
        matplotlib.rcParams.update({"font.family": "serif", "mathtext.fontset": "cm"})
    say = sayer(latex)
    x = "t" if "t" in rows[0] else "x"
    panels = list(dict.fromkeys(row.get("panel", "") for row in rows))
    tall = 0.68 * across if len(panels) == 1 else 0.42 * across * len(panels)
    figure, axes = plt.subplots(len(panels), sharex=True, squeeze=False, figsize=(across, tall), layout="constrained")
    planned = (spec.get("usermeta") or {}).get("panels") or [None] * len(panels)
    planned = [plans if plans and plans.get("x") else None for plans in planned] or [None] * len(panels)
    for axis, panel, plans in zip(axes[:, 0], panels, planned):
        inside = [row for row in rows if row.get("panel", "") == panel]
        lines = {row.get("line") for row in inside}
        for key in dict.fromkeys((row["curve"], row.get("line", "")) for row in inside):
            curve = [row for row in inside if (row["curve"], row.get("line", "")) == key]
            numeric = all(row[x].replace(".", "").replace("e", "").replace("-", "").replace("+", "").isdigit() for row in curve)
            at = [float(row[x]) if numeric else row[x] for row in curve]
            label = " ".join(word for word in key if word)
            look = {"label": label, "marker": "o" if x == "x" else None, "markersize": 3, **look_of(label, plans)}
            if plans and numeric:
                line = draw_curve(axis, curve, x, plans, **look)
            else:
                (line,) = axis.plot(at, [float(row["value"]) for row in curve], **look)
            # Beside flows the bands of descents would say nothing more.
            if "low" in curve[0] and ("line" not in curve[0] or key[1] == "flow" or "flow" not in lines):
                ends = [[float(row[name]) for row in curve] for name in ("low", "high")]
                if plans:
                    ends = [[(lane_of(value, plans["y"]) or {"middle": value})["middle"] for value in end] for end in ends]
                axis.fill_between(at, *ends, color=line.get_color(), alpha=0.15, linewidth=0)
            if numeric and not plans:
                axis.set_xscale(scale_of(spec, "x"))
        if plans:
            set_axes(axis, {name: plans[name] for name in (("x", "y") if numeric else ("y",))}, say)
        else:
            axis.set_yscale(scale_of(spec, "y"))
        title = plans["y"].get("title") if plans else None
        title, most = title or panel or table.stem, 40 if len(panels) == 1 else 24
        # The words on one line, the symbols on the next.
        symbols, said = " ‖" if latex is None else " $", say(title)
        broken = said.replace(symbols, "\\n" + symbols[1:], 1) if symbols in said else said if "$" in said else textwrap.fill(said, most)
        axis.set_ylabel(broken if len(title) > most else said)
    axes[-1, 0].set_xlabel(say((planned[-1] or {"x": {}})["x"].get("title") or x))
    named = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels())))
    groups = list(dict.fromkeys(row["curve"] for row in rows))
    if "line" in rows[0] and len(groups) > 1:
        # Colours tell groups, broad and dashed lines what is drawn of each.
        first = {group: next(line for name, line in named.items() if name.startswith(group)) for group in groups}
        lines = {name[len(groups[0]) :].strip(): line for name, line in named.items() if name.startswith(groups[0])}
        named = {group: plt.Line2D([], [], color=line.get_color()) for group, line in first.items()}
        for name, line in lines.items():
            named[name] = plt.Line2D([], [], color="0.35", linewidth=line.get_linewidth(), linestyle=line.get_linestyle())
    if len(named) > 1:
        columns = min(len(named), max(1, int(across * 17 / (7 + max(map(len, named))))))
        figure.legend(named.values(), [say(name) for name in named], loc="outside lower center", ncols=columns, handlelength=2.4)
        figure.set_figheight(tall + 0.14 * math.ceil(len(named) / columns))
    try:
        figure.savefig(folder / f"{table.stem}-print.{ending}")
    except (RuntimeError, OSError) as fault:
        if "usetex" not in words:
            raise
        sys.exit(f"{table.stem}: LaTeX could not set it (without usetex matplotlib sets the words itself)\\n{fault}")
    plt.close(figure)
    print(folder / f"{table.stem}-print.{ending}")
`;
