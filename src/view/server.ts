/** The server of `gradflow view`: on the loopback interface, reading only, for whoever has the token. Prints nothing. */
import { once } from "node:events";
import { readFile, realpath } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { ConfigError } from "../errors.js";
import { type Entry, openCatalogue } from "./catalogue.js";
import { createTables, type Reading, TABLES, type TableName } from "./curves.js";
import { type Followed, follow } from "./follow.js";
import { admit, FILE_POLICY, HEADERS, newToken } from "./guard.js";
import { readPageFile, typeOf } from "./page-files.js";
import { locateFigure, readDetails } from "./run-details.js";
import { listRuns } from "./run-list.js";
import { describeSweep, locateSweepFigure, type SweepEntry } from "./sweeps.js";

/** Between two looks for new rows; and for new records, no more than a tenth of the time. */
const LOOK_MILLISECONDS = 500;
const MOST_FOLLOWED = 400;
const MOST_PIXELS = 4000;

export interface ViewServer {
  /** With the token. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Serves the records below a folder. `port` 0 takes a free one.
 * @throws ConfigError where the folder is missing or the port is taken
 */
export async function serveRecords(folder: string, port = 0): Promise<ViewServer> {
  const root = await realpath(folder).catch(() => {
    throw new ConfigError(`${folder}: no such folder; name the one that holds the records.`);
  });
  const token = newToken();
  const catalogue = openCatalogue(root);
  const tables = createTables(root);
  const stopped = new AbortController();
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => fail(response, error));
  });
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? "is taken" : `cannot be had (${code})`;
    throw new ConfigError(`--port ${port}: ${why}; choose another, or leave it out for a free one.`);
  }
  const bound = (server.address() as AddressInfo).port;
  let visitors = 0;
  // Read while the browser opens.
  void catalogue.refresh();
  void watch();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const asked = admit(request, token, bound);
    if ("status" in asked) return sendText(response, asked.status, `gradflow view: ${asked.reason}.`);
    const { path, query } = asked;
    const page = await readPageFile(path);
    if (page !== null) return send(response, 200, page.type, page.content);
    if (path === "runs") return sendJson(response, await runs(query));
    if (path === "run") {
      const entry = entryOf(query);
      return sendJson(response, await readDetails(root, entry, await tables.columns(entry.directory)));
    }
    if (path === "sweep") {
      const sweep = sweepOf(query);
      const runs = catalogue.entries().filter(({ directory }) => catalogue.sweeps.of(directory) === sweep);
      const facts = runs.map((run) => run.facts);
      return sendJson(response, await describeSweep(root, sweep, facts));
    }
    if (path === "curves")
      return sendJson(response, await tables.curves(entryOf(query).directory, curveRequest(query)));
    if (path === "figure") {
      const asked = query.get("file") ?? "";
      const file = query.has("sweep")
        ? await locateSweepFigure(root, sweepOf(query), asked)
        : await locateFigure(root, entryOf(query), asked);
      response.setHeader("Content-Security-Policy", FILE_POLICY);
      return send(response, 200, typeOf(file), await readFile(file));
    }
    if (path === "events") return stream(request, response, followedOf(query));
    sendText(response, 404, "gradflow view: there is no such page.");
  }

  /** What has been read so far at once, so that the first answer does not wait for thousands of records. */
  async function runs(query: URLSearchParams) {
    if (visitors === 0) await Promise.race([catalogue.refresh(), wait(LOOK_MILLISECONDS)]);
    return listRuns(catalogue, query);
  }

  function entryOf(query: URLSearchParams): Entry {
    const entry = catalogue.get(Number(query.get("run")));
    if (entry === undefined) throw new MissingError("the record has gone");
    return entry;
  }

  function sweepOf(query: URLSearchParams): SweepEntry {
    const sweep = catalogue.sweeps.get(Number(query.get("sweep")));
    if (sweep === undefined) throw new MissingError("the sweep has gone");
    return sweep;
  }

  async function stream(
    request: IncomingMessage,
    response: ServerResponse,
    followed: Followed[],
  ): Promise<void> {
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
    response.write("retry: 1000\n\n");
    const look = follow(catalogue, tables, followed, (event, data) => {
      response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    });
    visitors++;
    try {
      while (!response.closed && !request.destroyed && !stopped.signal.aborted) {
        await look();
        await pause(LOOK_MILLISECONDS);
      }
    } finally {
      visitors--;
      response.end();
    }
  }

  /** Looks for new records while somebody is there to be told. */
  async function watch(): Promise<void> {
    while (!stopped.signal.aborted) {
      let took = 0;
      if (visitors > 0) {
        const start = performance.now();
        await catalogue.refresh();
        took = performance.now() - start;
      }
      await pause(Math.max(LOOK_MILLISECONDS, 10 * took));
    }
  }

  /** Ends early where the server closes. */
  function pause(milliseconds: number): Promise<void> {
    return wait(milliseconds, undefined, { signal: stopped.signal }).catch(() => undefined);
  }

  return {
    address: `http://127.0.0.1:${bound}/${token}/`,
    async close() {
      stopped.abort();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** What was there once and is not any more: no fault of the request. */
class MissingError extends Error {}

function curveRequest(query: URLSearchParams) {
  const edge = (name: string): number | null => {
    const text = query.get(name);
    return text === null ? null : finite(name, Number(text));
  };
  const pixels = Math.round(finite("pixels", Number(query.get("pixels") ?? 1000)));
  return {
    ...{ x: query.get("x") ?? "", y: query.get("y") ?? "" },
    ...{ from: edge("from"), to: edge("to"), log: query.get("log") === "1" },
    pixels: Math.min(Math.max(pixels, 1), MOST_PIXELS),
  };
}

function finite(name: string, value: number): number {
  if (!Number.isFinite(value)) throw new ConfigError(`${name} must be a number.`);
  return value;
}

/** `follow=run,x,y,table,generation,bytes,…` for every set of curves. */
function followedOf(query: URLSearchParams): Followed[] {
  const texts = query.getAll("follow");
  if (texts.length > MOST_FOLLOWED)
    throw new ConfigError(`at most ${MOST_FOLLOWED} curves are followed at a time.`);
  return texts.map((text) => {
    const [run, x, y, ...rest] = text.split(",");
    const reading: Partial<Record<TableName, Reading>> = {};
    for (let k = 0; k + 2 < rest.length; k += 3) {
      const table = rest[k] as TableName;
      if (!TABLES.includes(table)) throw new ConfigError("there is no such table.");
      reading[table] = {
        generation: finite("generation", Number(rest[k + 1])),
        bytes: finite("bytes", Number(rest[k + 2])),
      };
    }
    return { run: Number(run), x: x ?? "", y: y ?? "", reading };
  });
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  const told = error instanceof ConfigError || error instanceof MissingError;
  const status = error instanceof MissingError ? 404 : error instanceof ConfigError ? 400 : 500;
  sendText(
    response,
    status,
    told ? error.message : `unexpected error: ${(error as Error)?.message ?? error}`,
  );
}

const sendText = (response: ServerResponse, status: number, text: string) =>
  send(response, status, "text/plain; charset=utf-8", text);

const sendJson = (response: ServerResponse, value: unknown) =>
  send(response, 200, "application/json; charset=utf-8", JSON.stringify(value));

function send(response: ServerResponse, status: number, type: string, content: string | Buffer): void {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(content) });
  response.end(content);
}
