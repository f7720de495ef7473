/** Panels of curves, one above the other on one time axis. */
import type { TopLevelSpec } from "vega-lite";
import type { RunRecord } from "../record/reader.js";
import { planLinearAxis, planLogAxis } from "./axis.js";
import { caption } from "./caption.js";
import { curvePanel, type PlottedRow, planTimeAxis, plottedRows, sheet, stack } from "./chart.js";
import { type Curve, valuesToReach } from "./curves.js";
import { settingsOf } from "./settings.js";

export interface Panel {
  /** In the figure's data file. */
  readonly name: string;
  readonly title: string;
  readonly curves: readonly Curve[];
  /** Default: log, or as figure.yScale says. */
  readonly scale?: "linear";
}

/** One panel at least; names stand beside each whose curves are called otherwise than those of the first. @param look what to look for */
export function stackPanels(
  record: RunRecord,
  look: string,
  panels: readonly Panel[],
): { readonly spec: TopLevelSpec; readonly rows: readonly PlottedRow[] } {
  const { width, height: whole, yScale } = settingsOf(record.config);
  const height = panels.length === 1 ? whole : whole / 2 + 20;
  const time = planTimeAxis(
    record,
    panels.flatMap(({ curves }) => curves),
  );
  const namesOf = ({ curves }: Panel) => curves.map(({ label }) => label).join("\n");
  const drawn = panels.map(({ title, curves, scale }, k) => {
    const values = valuesToReach(curves);
    const up = (scale ?? yScale) === "linear" ? planLinearAxis(values) : planLogAxis(values);
    const labelled = k === panels.length - 1;
    const names = k === 0 || namesOf(panels[k]!) !== namesOf(panels[0]!);
    return curvePanel(curves, time, up, { title, width, height, labelled, names });
  });
  const facts = [...new Set(drawn.flatMap((panel) => panel.facts))];
  return {
    rows: panels.flatMap(({ name, curves }) => plottedRows(name, curves)),
    spec: sheet(
      caption(record, look, facts),
      drawn.map(({ plan }) => plan),
      stack(drawn.map(({ view }) => view)),
      {
        right: Math.max(...drawn.map(({ key }) => key.right)),
        bottom: Math.max(...drawn.map(({ key }) => key.bottom)),
      },
    ),
  };
}
