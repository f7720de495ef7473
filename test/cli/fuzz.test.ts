/** A slice of scripts/attack/fuzz.js, which does a thousand: studies, tables, records and sweeps at random, from a seed. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createDice, mutatePlain, mutateTable, mutateText } from "../../scripts/attack/mutations.js";
import { printable } from "../../src/cli/format.js";
import { REPOSITORY } from "./gradflow.js";

it("forty fuzzed inputs end with a status or a message, and write nowhere else", () => {
  const script = join(REPOSITORY, "scripts/attack/fuzz.js");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, "40", "14"], { encoding: "utf8" });
  expect(status, `${stdout}${stderr}`).toBe(0);
  expect(stdout).toMatch(/^40 fuzzed studies, tables and records of seed 14 in .*all survived\n$/);
});

it("the same seed damages in the same way, another in another", () => {
  const damage = (seed: number) => {
    const dice = createDice(seed);
    const plain = { name: "a", flow: { tEnd: 1, rtol: [1, 2] } };
    mutatePlain(plain, dice);
    return JSON.stringify([plain, mutateText("name: a\nflow: 1\n", dice), mutateTable("a,b\n1,2\n", dice)]);
  };
  expect(damage(3)).toBe(damage(3));
  expect(damage(3)).not.toBe(damage(4));
});

it("what steers a terminal or turns its text is shown as a code, which JSON reads as the same letter", () => {
  const text = "a\u001b[2J\u0007\u202eb\u009b\ufeff\u{e0041}λ\té\n";
  expect(printable(text)).toBe("a\\u001b[2J\\u0007\\u202eb\\u009b\\ufeff\\udb40\\udc41λ\té\n");
  expect(JSON.parse(printable(JSON.stringify(text)))).toBe(text);
});
