/** The program's entry: words of the command line in, an exit code out. */
import { runCommandLine } from "./program.js";

// A reader that closes the pipe early (`gradflow doctor | head -1`) is no fault of the run.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

// Set, not exited with: what is still on its way to a pipe gets there.
process.exitCode = await runCommandLine(process.argv.slice(2));
