/** `gradflow methods`: which methods there are and which to take. */
import type { Command } from "./command.js";
import { EXIT } from "./exit.js";

export const methodsCommand: Command = {
  usage: "methods",
  summary: "List the solvers with order, stability and when to use them",
  positionals: {},
  options: { json: { type: "boolean", describe: "Print the list as JSON" } },
  epilogue: `Stability: the largest h·λ_max, λ_max being the largest eigenvalue of ∇²L; gradient descent has 2.
A study names a method as flow.method; the default is auto.`,

  async execute(values) {
    const { describeMethods } = await import("../ode/methods/index.js");
    const methods = describeMethods();
    if (values["json"] === true) {
      process.stdout.write(`${JSON.stringify(methods, null, 2)}\n`);
      return EXIT.done;
    }
    const head = ["method", "order", "kind", "gradients a step", "stable to hλ", "when to use it"];
    const rows = methods.map(({ name, order, kind, gradients, stability, use }) => [
      name,
      order === null ? "–" : String(order),
      kind,
      gradients,
      stability,
      use,
    ]);
    const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
    for (const row of [head, ...rows])
      process.stdout.write(
        `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ")}`.trimEnd().concat("\n"),
      );
    return EXIT.done;
  },
};
