/** What the server of gradflow view answers, and to whom. */
import { mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveRecords, type ViewServer } from "../../src/view/server.js";
import { syntheticLoss, syntheticRecord, syntheticResult } from "../record/synthetic.js";
import { syntheticSweep } from "../record/synthetic-sweep.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-view-"));
const root = join(folder, "runs");
let server: ViewServer;

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

/** A request with any head, as a program or a page of another site would send it. */
function ask(
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
  base = server.address,
): Promise<Answer> {
  // The path as it is: URL would resolve the dots in it.
  const { hostname, port, pathname } = new URL(base);
  const whole = path.startsWith("/") ? path : `${pathname}${path}`;
  return new Promise((done, fail) => {
    const asked = request({ hostname, port, path: whole, method, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        body += part;
      });
      response.on("end", () => done({ status: response.statusCode!, headers: response.headers, body }));
    });
    asked.on("error", fail).end();
  });
}

const askJson = async (path: string) => {
  const { status, body } = await ask(path);
  expect(status, body).toBe(200);
  return JSON.parse(body);
};

interface Table {
  readonly total: number;
  readonly runs: { readonly id: number; readonly name: string; readonly sweep: number | null }[];
  readonly sweeps: { readonly id: number }[];
  readonly faults: string[];
}

/** The table of runs once the catalogue has seen what the test did; it looks again at every question. */
async function runsWhen(holds: (table: Table) => boolean): Promise<Table> {
  for (;;) {
    const table = await askJson("runs");
    if (holds(table)) return table;
  }
}

async function idOf(name: string): Promise<number> {
  const isIt = (run: { name: string }) => run.name === name;
  return (await runsWhen(({ runs }) => runs.some(isIt))).runs.find(isIt)!.id;
}

async function finished(name: string, loss = syntheticLoss(80)): Promise<string> {
  const directory = join(root, name);
  const writer = await syntheticRecord({ directory, learningRates: [0.5, 2.4] });
  await writer.finish({ ...syntheticResult(directory), loss, notes: ["a note <b>in bold</b>"] });
  return directory;
}

beforeAll(async () => {
  await finished("first");
  await finished("sub/second", 0.5);
  server = await serveRecords(root);
  await runsWhen(({ total }) => total === 2);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

describe("who may ask", () => {
  it("gives the page to who has the address, and forbids it everything from elsewhere", async () => {
    const { status, headers, body } = await ask("");
    expect(status).toBe(200);
    expect(body).toContain('<script type="module" src="view.js">');
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers).toMatchObject({
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    });
    expect(headers["access-control-allow-origin"]).toBeUndefined();
    for (const file of ["view.js", "panel.js", "view.css", "uplot.js", "uplot.css", "icon.svg"])
      expect((await ask(file)).status, file).toBe(200);
  });

  it("has another token each time, of 128 bits", async () => {
    const other = await serveRecords(root);
    const [a, b] = [server.address, other.address].map((address) => new URL(address).pathname.slice(1, -1));
    expect(a).not.toBe(b);
    expect(Buffer.from(a!, "base64url")).toHaveLength(16);
    await other.close();
  });

  const port = () => new URL(server.address).port;
  it.each([
    ["no token", () => ask("/"), 403],
    ["another token", () => ask("/AAAAAAAAAAAAAAAAAAAAAA/runs"), 403],
    ["a host that leads here (DNS rebinding)", () => ask("runs", { host: `evil.example:${port()}` }), 403],
    ["a host without the port", () => ask("runs", { host: "127.0.0.1" }), 403],
    ["a page of another origin", () => ask("runs", { origin: "https://evil.example" }), 403],
    ["a page of another port", () => ask("runs", { origin: `http://127.0.0.1:${Number(port()) + 1}` }), 403],
    ["an element of another site's page", () => ask("runs", { "sec-fetch-site": "cross-site" }), 403],
    ["a POST", () => ask("runs", {}, "POST"), 405],
    ["a DELETE", () => ask("run?run=1", {}, "DELETE"), 405],
    [
      "its own page",
      () => ask("runs", { origin: `http://127.0.0.1:${port()}`, "sec-fetch-site": "same-origin" }),
      200,
    ],
    ["localhost", () => ask("runs", { host: `localhost:${port()}` }), 200],
  ])("%s", async (_, asking, status) => {
    const answer = await asking();
    expect(answer.status).toBe(status);
    if (status !== 200) expect(answer.body).not.toContain("first");
  });

  it("is reached by the loopback interface alone", async () => {
    expect(new URL(server.address).hostname).toBe("127.0.0.1");
    await expect(serveRecords(root, Number(port()))).rejects.toThrow(/--port \d+: is taken; choose another/);
    await expect(serveRecords(join(root, "none"))).rejects.toThrow("none: no such folder");
  });
});

describe("what may be read", () => {
  it("are the page's files and the figures of records, by no path", async () => {
    await writeFile(join(folder, "hidden.svg"), "secret");
    await mkdir(join(root, "first/figures"), { recursive: true });
    await writeFile(join(root, "first/figures/unlisted.svg"), "secret");
    const id = await idOf("first");
    for (const path of [
      "../../../../etc/passwd",
      "..%2f..%2fpackage.json",
      "%2e%2e/%2e%2e/package.json",
      "toString",
      "__proto__",
      `figure?run=${id}&file=../hidden.svg`,
      `figure?run=${id}&file=figures/../../../hidden.svg`,
      `figure?run=${id}&file=figures/unlisted.svg`,
      `figure?run=${id}&file=manifest.json`,
      `figure?run=../first&file=figures/loss.svg`,
      `run?run=first`,
      `curves?run=${id}&x=toString&y=loss`,
      `curves?run=${id}&x=t&y=loss&from=much`,
    ]) {
      const { status, body } = await ask(path);
      expect([400, 403, 404], path).toContain(status);
      expect(body).not.toMatch(/secret|root:|dependencies/);
    }
  });

  it("leads nowhere out of the root by links, and waits at no pipe", async () => {
    await finished("linked");
    const outside = join(folder, "outside.csv");
    await writeFile(outside, "t,loss\n0,1234567\n");
    await rm(join(root, "linked/series.csv"));
    await symlink(outside, join(root, "linked/series.csv"));
    await symlink(join(root, "first"), join(root, "alias"));
    const away = join(folder, "away");
    await rename(await finished("moved"), away);
    await symlink(away, join(root, "moved"));
    const { runs, faults } = await runsWhen((table) => table.faults.length === 1);
    expect(runs.map(({ name }: { name: string }) => name)).toEqual(["first", "sub/second"]);
    expect(faults.join()).toContain("series.csv: is a link that leads out of");
    expect(faults.join()).not.toContain("1234567");
    await rm(join(root, "linked"), { recursive: true });
    await rm(join(root, "moved"));
    await rm(join(root, "alias"));
    await runsWhen(({ faults }) => faults.length === 0);
  });

  it("shows figures without their scripts", async () => {
    const directory = await finished("pictured");
    const { attachFiles } = await import("../../src/record/attachments.js");
    await attachFiles(directory, { "figures/loss.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>" });
    const { headers, body } = await ask(`figure?run=${await idOf("pictured")}&file=figures/loss.svg`);
    expect(body).toContain("<svg");
    expect(headers["content-type"]).toBe("image/svg+xml");
    expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; .*sandbox$/);
    await rm(directory, { recursive: true });
    await runsWhen(({ total }) => total === 2);
  });
});

describe("the table of runs", () => {
  const names = async (query: string) =>
    (await askJson(`runs?${query}`)).runs.map(({ name }: { name: string }) => name);

  it("chooses and sorts by the words of gradflow list", async () => {
    expect(await names("")).toEqual(["first", "sub/second"]);
    expect(await names("sort=-loss")).toEqual(["sub/second", "first"]);
    expect(await names("where=loss%3C0.1")).toEqual(["first"]);
    expect(await names("where=status%3DreachedEnd&where=loss%3E0.1")).toEqual(["sub/second"]);
    expect(await names("find=SECOND")).toEqual(["sub/second"]);
    const { status, body } = await ask("runs?where=loss");
    expect({ status, body }).toMatchObject({
      status: 400,
      body: expect.stringContaining("must have the form name=value"),
    });
    const { runs } = await askJson("runs?columns=loss,descent.*.learningRate,nothing");
    expect(runs[1].cells).toEqual([0.5, [0.05, 0.5, 2.4], null]);
  });

  it("notices records that come, change, go and are damaged", async () => {
    const directory = await finished("fleeting");
    await idOf("fleeting");
    await truncate(join(directory, "manifest.json"), 20);
    const damaged = await runsWhen(({ faults }) => faults.length === 1);
    expect(damaged.runs).toHaveLength(2);
    expect(damaged.faults[0]).toContain("manifest.json: is not valid JSON");
    await rm(directory, { recursive: true });
    expect(await runsWhen(({ faults }) => faults.length === 0)).toMatchObject({ total: 2 });
  });

  it("tells study, notes, checks and facts of a run", async () => {
    const run = await askJson(`run?run=${await idOf("first")}`);
    expect(run.study).toContain("name: two-widths # as typed");
    expect(run.notes).toEqual(["a note <b>in bold</b>"]);
    expect(run.checks.flat().join()).toContain("energy balance");
    // As a report has them.
    expect(run.verdicts).toContainEqual({
      name: "the run reached its end",
      verdict: "good",
      reason: expect.any(String),
    });
    expect(Object.fromEntries(run.facts)).toMatchObject({ "flow.rtol": 1e-6, status: "reachedEnd" });
    expect(run.columns.series).toContain("gradientNorm");
    expect(run.columns.descent).toContain("parameterGap");
  });
});

describe("a sweep", () => {
  const sweep = () => join(root, "swept");

  it("is named by its runs, and tells how far it is, what varies and its pictures", async () => {
    const scales = { xScale: "linear", yScale: "log" } as const;
    await syntheticSweep(
      sweep(),
      [{}, {}],
      [{ kind: "curves", name: "loss", y: "loss", tables: ["series"], ...scales }],
    );
    await rm(join(sweep(), "seed-1"), { recursive: true });
    const { runs, sweeps } = await runsWhen(({ sweeps }) => sweeps.length === 1);
    expect(runs.map(({ name, sweep }: Table["runs"][number]) => [name, sweep])).toEqual([
      ["first", null],
      ["sub/second", null],
      ["swept/seed-0", sweeps[0]!.id],
    ]);
    expect(sweeps).toEqual([{ id: sweeps[0]!.id, name: "swept", status: "running", total: 2 }]);
    const { attachSweepFiles } = await import("../../src/record/sweep.js");
    await attachSweepFiles(sweep(), { "figures/loss.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>" });
    const told = await askJson(`sweep?sweep=${sweeps[0]!.id}`);
    expect(told).toMatchObject({
      fields: ["seed"],
      statuses: [
        ["reachedEnd", 1],
        ["not begun", 1],
      ],
      figures: ["figures/loss.svg"],
    });
    expect((await ask(`figure?sweep=${sweeps[0]!.id}&file=figures/loss.svg`)).body).toContain("<svg");
    for (const file of ["sweep.json", "figures/../sweep.json", "../first/manifest.json", "figures/other.svg"])
      expect((await ask(`figure?sweep=${sweeps[0]!.id}&file=${file}`)).status, file).toBe(400);
  });

  it("shows no picture that a link brings from elsewhere, and is forgotten when it goes", async () => {
    const [{ id }] = (await askJson("runs")).sweeps;
    const away = join(folder, "pictures");
    await rename(join(sweep(), "figures"), away);
    await symlink(away, join(sweep(), "figures"));
    expect(await ask(`figure?sweep=${id}&file=figures/loss.svg`)).toMatchObject({
      status: 400,
      body: expect.stringContaining("is a link that leads out of"),
    });
    await truncate(join(sweep(), "sweep.json"), 20);
    const damaged = await runsWhen(({ faults }) => faults.length === 1);
    expect(damaged.faults[0]).toContain("sweep.json: is not valid JSON");
    expect(damaged.runs).toHaveLength(3);
    await rm(sweep(), { recursive: true });
    expect(await runsWhen(({ total }) => total === 2)).toMatchObject({ sweeps: [], faults: [] });
    expect((await ask(`sweep?sweep=${id}`)).status).toBe(404);
  });
});

describe("curves", () => {
  it("of the flows beside descent are told by kind and learning rate", async () => {
    const directory = await finished("beside");
    await writeFile(
      join(directory, "flows.csv"),
      "kind,learningRate,step,t,distance,gradientEquivalents\nmodified,0.5,1,0.5,0.1,7\nrod,0.5,1,0.5,0.2,9\nmodified,0.5,2,1,0.3,14\n",
    );
    const id = await idOf("beside");
    expect((await askJson(`run?run=${id}`)).columns.flows).toEqual(["t", "distance", "gradientEquivalents"]);
    const { curves } = await askJson(`curves?run=${id}&x=t&y=distance`);
    expect(curves).toMatchObject([
      { table: "flows", kind: "modified", learningRate: "0.5", x: [0.5, 1], y: [0.1, 0.3] },
      { table: "flows", kind: "rod", learningRate: "0.5", x: [0.5], y: [0.2] },
    ]);
    const work = await askJson(`curves?run=${id}&x=evaluations&y=distance`);
    expect(work.curves[0].x).toEqual([7, 14]);
    await rm(directory, { recursive: true });
    await runsWhen(({ total }) => total === 2);
  });

  it("are those of the flow and of every descent, over four clocks", async () => {
    const id = await idOf("first");
    const { curves } = await askJson(`curves?run=${id}&x=t&y=loss`);
    expect(curves.map((curve: Record<string, unknown>) => [curve["table"], curve["learningRate"]])).toEqual([
      ["series", ""],
      ["descent", "0.5"],
      ["descent", "2.4"],
    ]);
    const [flow, , diverging] = curves;
    expect(flow.x).toHaveLength(201);
    for (const [k, t] of flow.x.entries()) expect(flow.y[k]).toBe(syntheticLoss(t));
    // Its last row, NaN, is told and not drawn.
    expect(diverging.notFinite).toBe(1);
    // τ = 2ct with c = 0.01; k as counted.
    const tau = await askJson(`curves?run=${id}&x=tau&y=loss`);
    for (const k of [0, 1])
      expect(tau.curves[k].extent.greatest).toBeCloseTo(0.02 * curves[k].extent.greatest, 12);
    const steps = await askJson(`curves?run=${id}&x=k&y=loss`);
    expect(steps.curves.map((curve: { extent: { greatest: number } }) => curve.extent.greatest)).toEqual([
      200, 160, 20,
    ]);
    const gradients = await askJson(`curves?run=${id}&x=evaluations&y=parameterGap`);
    expect(gradients.curves.map((curve: { table: string }) => curve.table)).toEqual(["descent", "descent"]);
  });

  it("leave out on a logarithmic axis what has no place there, and tell the least that has", async () => {
    const { curves } = await askJson(`curves?run=${await idOf("first")}&x=t&y=loss&log=1`);
    expect(curves[0].x[0]).toBe(0.01);
    expect(curves[0].extent).toMatchObject({ least: 0, leastPositive: 0.01 });
  });
});
