// What other systems than Linux lack: reasons to skip, printed when asked for.
import { spawnSync } from "node:child_process";
import process from "node:process";

export const { platform } = process;

export const onBun = "Bun" in globalThis;
export const onDeno = "Deno" in globalThis;

/** Why a test cannot be run here, for `skip`; false where it can. */
function lack(missing: boolean, reason: string): string | false {
  if (missing) console.log(`Skipped: ${reason}`);
  return missing && reason;
}

export function noUnix(): string | false {
  // https://github.com/denoland/deno/issues/18236
  return lack(platform === "win32", "neither Deno nor Python has Unix sockets");
}

export function noSignals(): string | false {
  return lack(platform === "win32", "a signal here ends a program unasked");
}

/** For what needs `exec`, `pty` or `sh`. */
export function noPosix(): string | false {
  return lack(platform === "win32", "this is no POSIX system");
}

export function noSharedPorts(): string | false {
  return lack(platform === "win32", "no two may share a port here");
}

/** Elsewhere a full queue refuses, and a close with bytes unread is an end. */
export function notLinux(): string | false {
  return lack(platform !== "linux", "Unix sockets of Linux alone do this");
}

export function noSecondHost(): string | false {
  const missing = platform === "darwin" &&
    !outputOf("ifconfig", "lo0").includes("127.0.0.2");
  return lack(missing, "needs `sudo ifconfig lo0 alias 127.0.0.2`");
}

/** The most bytes that a datagram carries; macOS wants to be asked for them. */
export function largestDatagram(): number {
  if (platform !== "darwin") return 65507;
  const most = Number(outputOf("sysctl", "-n", "net.inet.udp.maxdgram"));
  if (most >= 65507) return 65507;
  console.log(`No more than ${most} bytes, which is net.inet.udp.maxdgram`);
  return most;
}

function outputOf(command: string, ...args: string[]): string {
  return spawnSync(command, args, { encoding: "utf8" }).stdout ?? "";
}
