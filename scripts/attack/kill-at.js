/**
 * Preloaded (`node --import`): kills the process before the call of that number, KILL_AT, among those that change files. With FAIL_WITH,
 * an error code such as ENOSPC, the call and all that follow fail by it instead. Tells the number of calls at the end in KILL_COUNT, a file.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const at = Number(process.env.KILL_AT ?? Number.POSITIVE_INFINITY);
const code = process.env.FAIL_WITH;
const below = process.env.KILL_BELOW ?? "";
const append = fs.appendFileSync;
let calls = 0;

/** Only calls that concern a path below KILL_BELOW, or a file that is open already. */
function concerns([path, other]) {
  return [path, other].some(
    (one) => typeof one === "number" || (typeof one === "string" && one.includes(below)),
  );
}

function strike(name) {
  calls++;
  if (process.env.KILL_LOG) append(process.env.KILL_LOG, `${calls} ${name}\n`);
  if (calls < at) return;
  if (code === undefined) process.kill(process.pid, "SIGKILL");
  throw Object.assign(new Error(`${code}: injected, ${name}`), { code });
}

for (const name of ["rename", "mkdir", "writeFile", "open", "appendFile", "unlink", "rm", "rmdir"]) {
  const real = fs.promises[name];
  const changes = (args) => name !== "open" || /[wa+]/.test(String(args[1]));
  // A full disk lets files go.
  const fails = code === undefined || !["unlink", "rm", "rmdir", "rename"].includes(name);
  fs.promises[name] = async (...args) => {
    if (fails && changes(args) && concerns(args)) strike(name);
    return real(...args);
  };
}
for (const name of ["openSync", "appendFileSync", "ftruncateSync"]) {
  const real = fs[name];
  const changes = (args) => name !== "openSync" || /[wa+]/.test(String(args[1]));
  fs[name] = (...args) => {
    if (changes(args) && concerns(args)) strike(name);
    return real(...args);
  };
}
syncBuiltinESMExports();
process.on("exit", () => {
  if (process.env.KILL_COUNT) fs.writeFileSync(process.env.KILL_COUNT, String(calls));
});
