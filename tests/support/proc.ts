// What the kernel reports about a process.
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Other kernels, as that of macOS, have no such table. */
export const hasProc = existsSync("/proc/self/status");
if (!hasProc) console.log("Skipped: no /proc shows what a process takes");

/** Memory in bytes: now, and the most there ever was. */
export function memory(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (name: string) => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status);
    if (found === null) throw new Error(`No ${name} of ${pid}`);
    return Number(found[1]) * 1024;
  };
  return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
}

export function descriptors(pid: number | "self"): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** The sockets that this process has open, some of them the runtime's own. */
export function sockets(): number {
  const links = readdirSync("/proc/self/fd").map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      // That of the listing itself.
      return "";
    }
  });
  return links.filter((link) => link.startsWith("socket:")).length;
}

/** CPU time so far, in seconds: the ticks of Linux are a hundredth. */
export function cpu(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
