/** The script that lies beside the figures: the same curves for print by matplotlib, from the rows of the .csv files alone. */

export const PLOT_SCRIPT = `"""Draws the figures of this folder for print:  python plot.py [pdf|svg|png]   (needs matplotlib)

Reads NAME.csv (the plotted rows) and NAME.json (for the axes) and writes NAME-print.pdf. Yours to change. Zeros on a log axis
stand in a lane beside it, as in the pictures; an open triangle is an upper bound; x is the last point before divergence."""
import csv
import json
import math
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker


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


def set_axes(axis, plans):
    """Scales, ticks and lanes as in the pictures beside."""
    for name, plan in plans.items():
        getattr(axis, f"set_{name}scale")(plan["type"])
        getattr(axis, f"set_{name}ticks")([value for value, _ in plan["ticks"]], [label for _, label in plan["ticks"]])
        getattr(axis, f"{name}axis").set_minor_locator(matplotlib.ticker.NullLocator())
        getattr(axis, f"set_{name}lim")(plan["domain"])
        for lane in plan["lanes"]:
            (axis.axvline if name == "x" else axis.axhline)(lane["inner"], color="0.5", linewidth=0.8)


folder, ending = Path(__file__).parent, (sys.argv[1:] or ["pdf"])[0]
for table in sorted(folder.glob("*.csv")):
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    if not rows or "value" not in rows[0]:
        continue  # the raster of pieces is no curve
    spec = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
    x = "t" if "t" in rows[0] else "x"
    panels = list(dict.fromkeys(row.get("panel", "") for row in rows))
    figure, axes = plt.subplots(len(panels), sharex=True, squeeze=False, figsize=(6.3, 2.2 + 2.2 * len(panels)))
    planned = (spec.get("usermeta") or {}).get("panels") or [None] * len(panels)
    for axis, panel, plans in zip(axes[:, 0], panels, planned):
        inside = [row for row in rows if row.get("panel", "") == panel]
        for key in dict.fromkeys((row["curve"], row.get("line", "")) for row in inside):
            curve = [row for row in inside if (row["curve"], row.get("line", "")) == key]
            numeric = all(row[x].replace(".", "").replace("e", "").replace("-", "").replace("+", "").isdigit() for row in curve)
            at = [float(row[x]) if numeric else row[x] for row in curve]
            look = {"label": " ".join(word for word in key if word), "marker": "o" if x == "x" else None}
            if plans and numeric:
                line = draw_curve(axis, curve, x, plans, **look)
            else:
                (line,) = axis.plot(at, [float(row["value"]) for row in curve], **look)
            if "low" in curve[0]:
                ends = [[float(row[name]) for row in curve] for name in ("low", "high")]
                if plans:
                    ends = [[(lane_of(value, plans["y"]) or {"middle": value})["middle"] for value in end] for end in ends]
                axis.fill_between(at, *ends, color=line.get_color(), alpha=0.15, linewidth=0)
            if numeric and not plans:
                axis.set_xscale(scale_of(spec, "x"))
        if plans:
            set_axes(axis, plans if numeric else {"y": plans["y"]})
        else:
            axis.set_yscale(scale_of(spec, "y"))
        axis.set_ylabel(panel or table.stem)
        axis.legend(fontsize="x-small")
    axes[-1, 0].set_xlabel(x)
    figure.tight_layout()
    figure.savefig(folder / f"{table.stem}-print.{ending}")
    plt.close(figure)
    print(folder / f"{table.stem}-print.{ending}")
`;
