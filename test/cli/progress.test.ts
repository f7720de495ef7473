import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatColumns, formatDuration, formatNumber } from "../../src/cli/format.js";
import { reportProgress } from "../../src/cli/progress.js";
import { reportSweep } from "../../src/cli/sweep-progress.js";

describe("formats", () => {
  it.each([
    [0, "0"],
    [0.123456, "0.1235"],
    [123456, "1.235e5"],
    [1.23456e-5, "1.235e-5"],
    [-2e7, "-2e7"],
    [Number.NaN, "NaN"],
    [null, "–"],
  ])("number %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it.each([
    [0.4242, "0.42 s"],
    [12.4, "12 s"],
    [185, "3 min 5 s"],
    [7620, "2 h 7 min"],
  ])("duration %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it("columns end on the same place", () => {
    expect(
      formatColumns([
        ["η", "k"],
        ["0.5", "16"],
      ]),
    ).toEqual(["    η   k", "  0.5  16"]);
  });
});

describe("progress in a log", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Lines that a run of `seconds` at constant speed leaves, reporting every 10 ms. */
  function linesOf(seconds: number, quiet = false): string[] {
    let text = "";
    const stream = {
      isTTY: false,
      write: (more: string) => {
        text += more;
        return true;
      },
    };
    const report = reportProgress(stream as unknown as NodeJS.WriteStream, quiet);
    for (let k = 1; k <= 100 * seconds; k++) {
      vi.advanceTimersByTime(10);
      const fraction = k / (100 * seconds);
      const place = { t: 8 * fraction, tEnd: 8, loss: 0.5, gradientEvaluations: k, stepSize: 0.1 };
      report.update({ fraction, ...place });
    }
    report.say("note");
    report.stop();
    return text.split("\n").slice(0, -1);
  }

  it("is silent in a run of less than a second, but for notes", () => {
    expect(linesOf(0.9)).toEqual(["note"]);
  });

  it("is a line every five seconds in a long run, with an ETA that is right at constant speed", () => {
    const lines = linesOf(200);
    expect(lines.length).toBe(41);
    expect(lines[19]).toBe("50%  t = 4 of 8  loss 0.5  10000 gradients  ETA 1 min 40 s");
  });

  it("is a line every tenth in a run of half a minute", () => {
    const count = linesOf(30).length - 1;
    expect(count).toBeGreaterThanOrEqual(9);
    expect(count).toBeLessThanOrEqual(10);
  });

  it("is nothing with --quiet", () => {
    expect(linesOf(200, true)).toEqual([]);
  });
});

describe("progress on a terminal", () => {
  const draw = (term: string): string => {
    vi.stubEnv("TERM", term);
    let text = "";
    const stream = {
      isTTY: true,
      columns: 60,
      write: (more: string) => {
        text += more;
        return true;
      },
      on: () => stream,
      removeListener: () => stream,
      // What node:readline asks of it.
      cursorTo: () => true,
    };
    const run = reportProgress(stream as unknown as NodeJS.WriteStream, false);
    const sweep = reportSweep(stream as unknown as NodeJS.WriteStream, false, 2);
    for (let k = 0; k < 5; k++)
      run.update({ fraction: k / 5, t: k, tEnd: 5, loss: 1, gradientEvaluations: k, stepSize: 1 });
    run.say("said");
    sweep.tell({ kind: "started", name: "seed-0" });
    sweep.tell({ kind: "finished", name: "seed-0", status: "reachedEnd", message: "", loss: 1, seconds: 1 });
    // No stop: as when a kill comes.
    return text;
  };
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("never switches off what a kill would leave off: wrapping, the cursor", () => {
    const text = draw("xterm");
    expect(text).toContain("█");
    expect(text).not.toContain("\x1b[?");
  });

  it("has no escapes where the terminal knows none", () => {
    const text = draw("dumb");
    expect(text).toContain("seed-0: started");
    expect(text).not.toContain("\x1b");
  });
});
