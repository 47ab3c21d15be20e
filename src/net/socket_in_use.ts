import type { NativeError } from "./socket_error.ts";

/** Linux's list of its Unix sockets, those of this network namespace. */
const TABLE = "/proc/net/unix";

/**
 * Whether a process has the stream socket at a path open; true when in doubt.
 *
 * @param path The path, as a server may have bound it.
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
  const { readFile } = await import("node:fs/promises");
  // Other systems have no such table, and Deno wants every permission for it.
  const table = await readFile(TABLE, "utf8").catch(() => "");
  const { basename, isAbsolute, resolve } = await import("node:path");
  const [full, name] = [resolve(path), basename(path)];
  return table.split("\n").some((line) => {
    const [, , , flags, type, state, , ...words] = line.trim().split(/ +/);
    // Connections that an ended server accepted have its path, too.
    const isBound = flags === "00000000" && type === "0001" && state === "01";
    const other = words.join(" ");
    return isBound &&
      (isAbsolute(other) ? other === full : basename(other) === name);
  });
}
