import type { UnixListenOptions } from "../socket.ts";
import type { BaseListener } from "./listener.ts";

/** What a runtime has to lend for a Unix socket. */
interface Runtime<L> {
  /** Binds, at once: no other code of this process runs meanwhile. */
  listen(): L;
  /** Resolves if a server answers at the path. */
  knock(): Promise<unknown>;
  /** Whether `process.umask` may be used, without asking the user for it. */
  mayMask: boolean;
}

/** Makes the socket file, with its mode, and sees to its end. */
export async function bindPath<L extends BaseListener>(
  { path, mode, removeStale }: UnixListenOptions,
  runtime: Runtime<L>,
): Promise<L> {
  // Loaded here, for Unix sockets alone need them.
  const fs = await import("node:fs");
  const { default: process } = await import("node:process");
  const bind = () => {
    if (mode === undefined) return runtime.listen();
    // Never for a moment open to more than asked, where the mask may be set.
    const mask = runtime.mayMask ? process.umask(0o777 & ~mode) : undefined;
    try {
      const listener = runtime.listen();
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
    const aside = theirs !== undefined && theirs !== ours
      ? `${path}.${process.pid}`
      : undefined;
    if (aside !== undefined) fs.renameSync(path, aside);
    await release();
    if (aside !== undefined) fs.renameSync(aside, path);
  };
  return listener;
}
