/** The script that lies beside the figures: the same curves for print by matplotlib, from the rows of the .csv files alone. */

export const PLOT_SCRIPT = `"""Draws the figures of this folder for print:  python plot.py [pdf|svg|png]   (needs matplotlib)

Reads NAME.csv (the plotted rows) and NAME.json (for the scales) and writes NAME-print.pdf. Yours to change."""
import csv
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def scale_of(spec, channel):
    """log if any view of the figure has a log scale there."""
    views = [spec]
    for view in views:
        views += view.get("layer", []) + view.get("vconcat", [])
        scale = view.get("encoding", {}).get(channel, {}).get("scale") or {}
        if scale.get("type") == "log":
            return "log"
    return "linear"


folder, ending = Path(__file__).parent, (sys.argv[1:] or ["pdf"])[0]
for table in sorted(folder.glob("*.csv")):
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    if not rows or "value" not in rows[0]:
        continue  # the raster of pieces is no curve
    spec = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
    x = "t" if "t" in rows[0] else "x"
    panels = list(dict.fromkeys(row.get("panel", "") for row in rows))
    figure, axes = plt.subplots(len(panels), sharex=True, squeeze=False, figsize=(6.3, 2.2 + 2.2 * len(panels)))
    for axis, panel in zip(axes[:, 0], panels):
        inside = [row for row in rows if row.get("panel", "") == panel]
        for key in dict.fromkeys((row["curve"], row.get("line", "")) for row in inside):
            curve = [row for row in inside if (row["curve"], row.get("line", "")) == key]
            numeric = all(row[x].replace(".", "").replace("e", "").replace("-", "").replace("+", "").isdigit() for row in curve)
            at = [float(row[x]) if numeric else row[x] for row in curve]
            label = " ".join(word for word in key if word)
            (line,) = axis.plot(at, [float(row["value"]) for row in curve], label=label, marker="o" if x == "x" else None)
            if "low" in curve[0]:
                ends = [[float(row[name]) for row in curve] for name in ("low", "high")]
                axis.fill_between(at, *ends, color=line.get_color(), alpha=0.15, linewidth=0)
            if numeric:
                axis.set_xscale(scale_of(spec, "x"))
        axis.set_yscale(scale_of(spec, "y"))
        axis.set_ylabel(panel or table.stem)
        axis.legend(fontsize="x-small")
    axes[-1, 0].set_xlabel(x)
    figure.tight_layout()
    figure.savefig(folder / f"{table.stem}-print.{ending}")
    plt.close(figure)
    print(folder / f"{table.stem}-print.{ending}")
`;
