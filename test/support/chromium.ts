/** A headless Chromium, spoken to in its debugging protocol over a pipe. `GRADFLOW_CHROMIUM` names the binary; Debian's package is chromium. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const NAMES = [process.env["GRADFLOW_CHROMIUM"] ?? "", "chromium", "chromium-browser", "google-chrome"];

/** The binary, or null with a message where there is none. */
export function findChromium(): string | null {
  const found = NAMES.find((name) => name !== "" && spawnSync(name, ["--version"]).status === 0);
  if (found === undefined)
    console.warn("skipped: no chromium (Debian: apt install chromium; or set GRADFLOW_CHROMIUM)");
  return found ?? null;
}

export interface Page {
  /** What an expression is worth there; promises are awaited. */
  evaluate(expression: string): Promise<unknown>;
  /** Moves the pointer. */
  point(x: number, y: number): Promise<void>;
  /** Any other method of the debugging protocol. */
  send(method: string, params?: object): Promise<Record<string, unknown>>;
  /** Presses and releases a key, by its name: `Tab`, `a`, `+`. */
  press(key: string): Promise<void>;
  /** Presses the button at the first place, and releases it at the second. */
  drag(from: readonly [number, number], to: readonly [number, number]): Promise<void>;
  /** Gives the window another size. */
  resize(width: number, height: number): Promise<void>;
  /** Errors and warnings so far: of the console, uncaught ones, of the network and the policy. */
  readonly complaints: readonly string[];
  /** Every URL the page asked for. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** Opens a URL and resolves when it has loaded. */
export async function openPage(chromium: string, url: string): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), "gradflow-chromium-"));
  const flags = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
    "--window-size=1200,900",
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(chromium, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [write, read] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  const waiting = new Map<number, (message: Message) => void>();
  const listeners: ((message: Message) => void)[] = [];
  let text = "";
  read.setEncoding("utf8").on("data", (part: string) => {
    text += part;
    const messages = text.split("\0");
    text = messages.pop()!;
    for (const one of messages) {
      const message = JSON.parse(one) as Message;
      if (message.id !== undefined) waiting.get(message.id)?.(message);
      else for (const listen of listeners) listen(message);
    }
  });
  let count = 0;
  let sessionId: string | undefined;
  const send = (method: string, params: object = {}): Promise<Record<string, unknown>> =>
    new Promise((done, fail) => {
      const id = ++count;
      waiting.set(id, ({ result, error }) =>
        error ? fail(new Error(`${method}: ${error.message}`)) : done(result!),
      );
      write.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    });
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  sessionId = (await send("Target.attachToTarget", { targetId, flatten: true }))["sessionId"] as string;
  const complaints: string[] = [];
  const requests: string[] = [];
  const loaded = new Promise<void>((done) => {
    listeners.push(({ method, params }) => {
      if (method === "Page.loadEventFired") done();
      if (method === "Runtime.exceptionThrown") complaints.push(JSON.stringify(params));
      if (method === "Runtime.consoleAPICalled" && /error|warning/.test(String(params!["type"])))
        complaints.push(JSON.stringify(params));
      if (method === "Log.entryAdded") complaints.push(JSON.stringify(params));
      if (method === "Network.requestWillBeSent") requests.push((params!["request"] as { url: string }).url);
    });
  });
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
  await send("Page.navigate", { url });
  await loaded;
  return {
    complaints,
    requests,
    async evaluate(expression) {
      const answer = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
      if (answer["exceptionDetails"] !== undefined)
        throw new Error(JSON.stringify(answer["exceptionDetails"]));
      return (answer["result"] as { value?: unknown }).value;
    },
    async point(x, y) {
      await send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
    },
    send,
    async press(key) {
      const code = { Enter: 13, Tab: 9, " ": 32, ArrowDown: 40, ArrowUp: 38, ArrowLeft: 37, ArrowRight: 39 }[
        key
      ];
      const text = key.length === 1 ? key : key === "Enter" ? "\r" : undefined;
      const params = {
        key,
        windowsVirtualKeyCode: code ?? key.toUpperCase().charCodeAt(0),
        ...(text && { text }),
      };
      await send("Input.dispatchKeyEvent", { type: "keyDown", ...params });
      await send("Input.dispatchKeyEvent", { type: "keyUp", ...params });
    },
    async drag([x0, y0], [x1, y1]) {
      const button = { button: "left", clickCount: 1 };
      await send("Input.dispatchMouseEvent", { type: "mouseMoved", x: x0, y: y0 });
      await send("Input.dispatchMouseEvent", { type: "mousePressed", x: x0, y: y0, ...button });
      await send("Input.dispatchMouseEvent", { type: "mouseMoved", x: (x0 + x1) / 2, y: y1, ...button });
      await send("Input.dispatchMouseEvent", { type: "mouseMoved", x: x1, y: y1, ...button });
      await send("Input.dispatchMouseEvent", { type: "mouseReleased", x: x1, y: y1, ...button });
    },
    async resize(width, height) {
      await send("Emulation.setDeviceMetricsOverride", {
        width,
        height,
        deviceScaleFactor: 1,
        mobile: false,
      });
    },
    async close() {
      const gone = new Promise((done) => child.once("exit", done));
      await send("Browser.close").catch(() => child.kill());
      await gone;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
