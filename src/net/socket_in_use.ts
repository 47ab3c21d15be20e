import type { NativeError } from "./socket_error.ts";

/** Linux's list of its Unix sockets, those of this network namespace. */
const TABLE = "/proc/net/unix";

/** Its flags, type and state, and its path, in which any character may be. */
const ROW = /^\S+: \S+ \S+ (\S+) (\S+) (\S+) +\d+ (.+)$/;

/**
 * Whether a process has the stream socket at a path open; true when in doubt.
 *
 * @param path The path of the socket.
 * @param connect Connects there; rejects with the code of the system.
 * @param mayRead Whether a file may be read without asking the user.
 */
export async function isSocketInUse(
  path: string,
  connect: () => Promise<unknown>,
  mayRead: (path: string) => boolean = () => true,
): Promise<boolean> {
  try {
    await connect();
    return true;
  } catch (error) {
    // A full queue and a socket of another type fail in other ways.
    if ((error as NativeError).code !== "ECONNREFUSED") return true;
  }
  // A server refuses, too, from its bind until it listens.
  if (!mayRead(TABLE)) return false;
  const { lstat, readFile } = await import("node:fs/promises");
  // Other systems have no such table, and Deno wants every permission for it.
  const table = await readFile(TABLE, "utf8").catch(() => "");
  const identify = (path: string) =>
    lstat(path, { bigint: true })
      .then(({ dev, ino }) => `${dev}:${ino}`, () => undefined);
  const file = await identify(path);
  for (const line of table.split("\n")) {
    const [, flags, type, state, name] = ROW.exec(line) ?? [];
    // Connections that an ended server accepted have its path, too.
    const isBound = flags === "00000000" && type === "0001" && state === "01";
    if (!isBound || name.startsWith("@")) continue;
    // Another file than ours. What is not there was renamed, perhaps, and what
    // is relative to an unknown folder may be ours.
    const other = name.startsWith("/") ? await identify(name) : undefined;
    if (other === undefined || other === file) return true;
  }
  return false;
}
