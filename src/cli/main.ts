/** The program's entry: words of the command line in, an exit code out. */
import { EXIT } from "./exit.js";
import { runCommandLine } from "./program.js";
import { bearLoss, keepPlain } from "./streams.js";

// Nobody is left to be told; exit code and record tell how it went.
bearLoss(process.stderr, () => undefined);
bearLoss(process.stdout, (error) => {
  // A reader that closes the pipe early (`gradflow doctor | head -1`) has all that it wants.
  if (error.code === "EPIPE") return;
  process.stderr.write(`gradflow: the output could not be written (${error.message}).\n`);
  process.exitCode ||= EXIT.failed;
});
keepPlain(process.stdout);

// Set, not exited with: what is still on its way to a pipe gets there.
const code = await runCommandLine(process.argv.slice(2));
process.exitCode = code || process.exitCode;
