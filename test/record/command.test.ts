import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { quote } from "../../src/record/command.js";

it("a command as text is the same words to a shell", () => {
  const words = [
    ...[
      "gradflow",
      "run",
      "my study.yaml",
      "--set",
      "measure.ntk={points: 8}",
      "-m",
      "model.hidden=[6,6],[12,12]",
    ],
    ...["it's $HOME", 'a "b"', "*", "", "~/x", "a;b", "θ₀", "\\", "#", "-"],
  ];
  const { stdout } = spawnSync("sh", ["-c", `printf '%s\\0' ${quote(words)}`], { encoding: "utf8" });
  expect(stdout.split("\0").slice(0, -1)).toEqual(words);
  expect(quote(["gradflow", "run", "configs/quickstart.yaml", "--set", "flow.rtol=1e-8"])).toBe(
    "gradflow run configs/quickstart.yaml --set flow.rtol=1e-8",
  );
});
