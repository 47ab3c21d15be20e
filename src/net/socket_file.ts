import type { UnixListenOptions } from "../socket.ts";
import type { BaseListener } from "./socket_listener.ts";

/** The bytes that an address has room for: fewer on macOS than on Linux. */
export function longestPath(): number {
  // Looked up here, for Deno makes this object when it is first asked for.
  const { process } = globalThis as { process?: { platform: string } };
  return process?.platform === "linux" ? 107 : 103;
}

/** What a runtime has to lend for a Unix socket. */
interface Runtime<L> {
  /** Binds, at once: no other code of this process runs meanwhile. */
  listen(path: string): L;
  /** Resolves if a server answers at the path. */
  knock(): Promise<unknown>;
  /** Whether `process.umask` may be used, without asking the user for it. */
  mayMask: boolean;
}

/** Makes the socket file, with its mode, and sees to its end. */
export async function bindPath<L extends BaseListener>(
  { path: given, mode, removeStale }: UnixListenOptions,
  runtime: Runtime<L>,
): Promise<L> {
  // Loaded here, for Unix sockets alone need them.
  const fs = await import("node:fs");
  const { default: process } = await import("node:process");
  const { resolve } = await import("node:path");
  // A later `chdir` must not make it another file; but long paths do not fit.
  const full = resolve(given);
  const path = new TextEncoder().encode(full).length > longestPath()
    ? given
    : full;
  const bind = () => {
    if (mode === undefined) return runtime.listen(path);
    // Never for a moment open to more than asked, where the mask may be set.
    const mask = runtime.mayMask ? process.umask(0o777 & ~mode) : undefined;
    try {
      const listener = runtime.listen(path);
      if (mask === undefined) fs.chmodSync(path, mode);
      return listener;
    } finally {
      if (mask !== undefined) process.umask(mask);
    }
  };
  const identify = () => {
    const file = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return file && `${file.dev}:${file.ino}`;
  };
  const isStale = async () => {
    const file = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!file?.isSocket()) return false;
    return await runtime.knock().then(
      () => false,
      ({ code }) => code === "ECONNREFUSED",
    );
  };

  /** Moves somebody else's file away; returns how to put it back. */
  const setAside = () => {
    const aside = `${path}.${process.pid}`;
    try {
      fs.renameSync(path, aside);
      return () => fs.renameSync(aside, path);
    } catch {
      // Deno may let us write there and nowhere else.
      const { mode } = fs.lstatSync(path);
      const content = fs.readFileSync(path);
      return () => fs.writeFileSync(path, content, { mode });
    }
  };

  let listener: L;
  try {
    listener = bind();
  } catch (error) {
    if (!removeStale || !(await isStale())) throw error;
    fs.unlinkSync(path);
    listener = bind();
  }
  const ours = identify();
  // Both runtimes remove whatever is at the path by then, somebody else's file
  // too: that one steps aside meanwhile.
  listener.guard = async (release) => {
    const theirs = identify();
    const putBack = theirs === undefined || theirs === ours
      ? undefined
      : setAside();
    await release();
    putBack?.();
  };
  return listener;
}
