import type { UnixListenOptions } from "../socket.ts";
import type { ListenerHandle } from "./adapter.ts";
import { longestPath } from "./address.ts";

/** What a runtime provides for a Unix socket. */
interface SocketFileRuntime {
  /** Binds before it returns; the promise is only of the result. */
  listen(path: string): ListenerHandle | Promise<ListenerHandle>;
  /** Resolves if a server answers at the path. */
  connect(): Promise<unknown>;
  /** Whether `process.umask` may be set without asking the user. */
  canSetUmask: boolean;
}

/** Makes a socket file with its mode; removes it, and no other, at the end. */
export async function listenOnSocketFile(
  { path: given, mode, removeStale }: UnixListenOptions,
  runtime: SocketFileRuntime,
): Promise<ListenerHandle> {
  // Imported here, for Unix sockets alone need them.
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
    // Never for a moment open to more than asked, where the umask may be set.
    const umask = runtime.canSetUmask
      ? process.umask(0o777 & ~mode)
      : undefined;
    try {
      const handle = runtime.listen(path);
      if (umask === undefined) fs.chmodSync(path, mode);
      return handle;
    } finally {
      if (umask !== undefined) process.umask(umask);
    }
  };

  const identity = () => {
    const file = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return file && `${file.dev}:${file.ino}`;
  };

  const isStale = async () => {
    const file = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!file?.isSocket()) return false;
    return await runtime.connect().then(
      () => false,
      ({ code }) => code === "ECONNREFUSED",
    );
  };

  /** Moves another server's file away; returns how to put it back. */
  const moveAway = () => {
    const aside = `${path}.${process.pid}`;
    try {
      fs.renameSync(path, aside);
      return () => fs.renameSync(aside, path);
    } catch {
      // Deno may let us write at the path and nowhere else.
      const { mode } = fs.lstatSync(path);
      const content = fs.readFileSync(path);
      return () => fs.writeFileSync(path, content, { mode });
    }
  };

  let handle: ListenerHandle;
  try {
    handle = await bind();
  } catch (error) {
    if (!removeStale || !(await isStale())) throw error;
    fs.unlinkSync(path);
    handle = await bind();
  }
  const ours = identity();
  return {
    addr: handle.addr,
    acceptStart: () => handle.acceptStart?.(),
    // Both runtimes remove whatever is at the path by then, another server's
    // file, too: that one is moved away meanwhile.
    async close() {
      const current = identity();
      const putBack = current === undefined || current === ours
        ? undefined
        : moveAway();
      await handle.close();
      putBack?.();
    },
  };
}
