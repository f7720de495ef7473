/** A Slurm of one machine, from Debian's package slurm-wlm, with a configuration of its own and no authentication. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";

export interface Slurm {
  /** For the processes that talk to it. */
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

/** Starts it; null with a message where that is not possible. */
export async function startSlurm(): Promise<Slurm | null> {
  const lacking = ["slurmctld", "slurmd", "sbatch"].find(
    (name) => spawnSync(name, ["-V"]).error !== undefined,
  );
  if (lacking !== undefined) return skip(`${lacking} is not installed (Debian: apt install slurm-wlm)`);
  const folder = mkdtempSync(join(tmpdir(), "gradflow-slurm-"));
  for (const name of ["state", "spool"]) mkdirSync(join(folder, name));
  const host = hostname().split(".")[0]!;
  const user = userInfo().username;
  const port = 20_000 + (process.pid % 20_000);
  writeFileSync(
    join(folder, "slurm.conf"),
    `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${port}
SlurmdPort=${port + 1}
AuthType=auth/none
CredType=cred/none
SlurmUser=${user}
SlurmdUser=${user}
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
NodeName=${host} NodeAddr=127.0.0.1 CPUs=${availableParallelism()} RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=${host} Default=YES MaxTime=INFINITE State=UP
`,
  );
  const env = { ...process.env, SLURM_CONF: join(folder, "slurm.conf") };
  const daemons: ChildProcess[] = [];
  const stop = async () => {
    for (const daemon of daemons.reverse()) {
      const gone = new Promise((done) => daemon.once("exit", done));
      if (daemon.exitCode === null && daemon.kill()) await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  daemons.push(spawn("slurmctld", ["-D"], { env, stdio: "ignore" }));
  daemons.push(spawn("slurmd", ["-D", "-N", host], { env, stdio: "ignore" }));
  for (let attempt = 0; attempt < 60; attempt++) {
    await new Promise((resume) => setTimeout(resume, 250));
    if (spawnSync("sinfo", ["--noheader", "--format=%T"], { env, encoding: "utf8" }).stdout?.includes("idle"))
      return { env, stop };
  }
  const log = readFileSync(join(folder, "slurmctld.log"), "utf8").trim().split("\n").at(-1);
  await stop();
  return skip(`Slurm does not come up here: ${log}`);
}

function skip(reason: string): null {
  console.warn(`skipped: ${reason}`);
  return null;
}
