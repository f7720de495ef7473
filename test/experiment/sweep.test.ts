/** In which order the runs of a sweep are started. */
import { expect, test } from "vitest";
import { loadSweep } from "../../src/config/load-sweep.js";
import { longestFirst } from "../../src/experiment/sweep.js";

const order = async (preset: string, multiply: readonly string[] = []) => {
  const file = new URL(`../../configs/${preset}`, import.meta.url).pathname;
  const { jobs } = await loadSweep(file, { multiply });
  return longestFirst(jobs).map(({ values }) => JSON.stringify(Object.values(values)));
};

test("the widest first, so that it is not left alone at the end", async () => {
  const widths = await order("paper/gcn-width.yaml");
  expect(widths).toEqual(["[[200,200]]", "[[150,150]]", "[[100,100]]", "[[50,50]]", "[[25,25]]"]);
});

test("more samples, a longer time; seeds as they come", async () => {
  const axes = ["dataset.samples=10,40", "flow.tEnd=1,2", "seed=4,3"];
  const runs = await order("quickstart.yaml", axes);
  expect(runs).toEqual([
    ...["[40,2,4]", "[40,2,3]", "[40,1,4]", "[40,1,3]"],
    ...["[10,2,4]", "[10,2,3]", "[10,1,4]", "[10,1,3]"],
  ]);
});
