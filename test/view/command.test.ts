import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { gradflow, start, temporaryFolder } from "../cli/gradflow.js";

const folder = await temporaryFolder();
await mkdir(join(folder, "runs"));

describe("gradflow view", () => {
  it("prints an address that answers, and ends in order at Ctrl-C", async () => {
    const { child, ended } = start(folder, ["view"]);
    const address = await new Promise<string>((done) => {
      let text = "";
      child.stdout!.on("data", (part: string) => {
        text += part;
        const found = /^view: (http:\/\/127\.0\.0\.1:\d+\/\S+\/)\n/.exec(text)?.[1];
        if (found !== undefined) done(found);
      });
    });
    const answer = await fetch(`${address}runs`);
    expect(await answer.json()).toMatchObject({ total: 0, runs: [] });
    // A page that listens on keeps no process from ending.
    const events = await fetch(`${address}events`);
    expect(events.headers.get("content-type")).toContain("text/event-stream");
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 0, killedBy: null });
    await events.text().catch(() => undefined);
  });

  it.each([
    [["view", "nowhere"], "gradflow: nowhere: no such folder; name the one that holds the records."],
    [["view", "--port", "80"], "--port must be a whole number from 1024 to 65535, got 80."],
    [["view", "--port", "8080.5"], "got 8080.5."],
    [["view", "--port", "8080", "--port", "8081"], "--port was given 2 times"],
  ])("%j", async (words, message) => {
    const { code, stdout, stderr } = await gradflow(folder, ...words);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});
