import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

const hasProc = existsSync("/proc/self/schedstat");

/** The processor time that a process has used, user + system, in seconds. */
export function cpuTime(pid: number): number {
  if (!hasProc) return fromClock(ps(pid, "time"));
  // Not /proc/PID/stat: its ticks of 10 ms are coarse for a window of a second.
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [ran] = read(`/proc/${pid}/task/${thread}/schedstat`).split(" ");
    nanoseconds += Number(ran);
  }
  return nanoseconds / 1e9;
}

/** The memory that a process holds, in bytes. */
export function residentMemory(pid: number): number {
  const kibibytes = hasProc
    ? /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1]
    : ps(pid, "rss");
  return Number(kibibytes) * 1024;
}

/** Empty for what ended meanwhile, as a thread may at any time. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function ps(pid: number, column: string): string {
  const args = ["-o", `${column}=`, "-p", String(pid)];
  return execFileSync("ps", args, { encoding: "utf8" }).trim();
}

/** `ps` writes [[days-]hours:]minutes:seconds. */
function fromClock(clock: string): number {
  const [days, time] = clock.includes("-") ? clock.split("-") : ["0", clock];
  return time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) +
    Number(days) * 86400;
}
