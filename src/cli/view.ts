/** `gradflow view`: a page on this machine that shows all records below a folder, live. */
import { ConfigError } from "../errors.js";
import type { Command } from "./command.js";
import { EXIT } from "./exit.js";
import { watchInterrupts } from "./interrupt.js";
import { openFile } from "./open.js";
import { single } from "./options.js";

export const viewCommand: Command = {
  usage: "view [root]",
  summary: "Show the records below a folder on a local page, live while they run",
  positionals: { root: { type: "string", default: "runs", describe: "The folder" } },
  options: {
    port: {
      type: "string",
      requiresArg: true,
      describe: "Port of the page, from 1024; a free one by default",
    },
    open: { type: "boolean", describe: "Open the page in the browser" },
  },
  epilogue: `Example:
  gradflow view runs --open

Prints an address to open in a browser; Ctrl-C ends it. The page lists all records (filter and sort by the words of gradflow list),
lays the curves of the chosen ones over one another, follows those that go on, and shows each run's study, notes, checks and figures.
It answers on 127.0.0.1 alone and only to who has the address, which holds a random token; it writes nothing and needs no network.
On a server without a screen: ssh -L PORT:127.0.0.1:PORT host, with --port PORT there, and open the address here.`,

  async execute(values) {
    const port = portOf(single(values, "port", "view"));
    const { serveRecords } = await import("../view/server.js");
    const server = await serveRecords(String(values["root"]), port);
    process.stdout.write(`view: ${server.address}\n`);
    const opened = values["open"] === true && (await openFile(server.address));
    if (values["open"] === true && !opened)
      process.stderr.write("This system has no program that opens pages; open the address by hand.\n");
    process.stderr.write(`${opened ? "" : "Open this address in a browser. "}Ctrl-C ends the page.\n`);
    const { signal, release } = watchInterrupts(() => undefined);
    await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
    await server.close();
    release();
    return EXIT.done;
  },
};

function portOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const port = Number(text);
  if (!(Number.isInteger(port) && port >= 1024 && port <= 65535))
    throw new ConfigError(`view: --port must be a whole number from 1024 to 65535, got ${text}.`);
  return port;
}
