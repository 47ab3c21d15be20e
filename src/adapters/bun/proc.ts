// Facts that Bun does not report, read from Linux.
import type { NativeError } from "../../net/socket_error.ts";

/**
 * Out of descriptors, Bun's accept fails and is tried again without a pause or
 * an event: so the last ones are kept free, and further clients reset.
 */
const SPARE_DESCRIPTORS = 8;

/** The first descriptor that is one too many. */
export async function descriptorLimit(): Promise<number> {
  const { readFile } = await import("node:fs/promises");
  // Only Linux has this file; elsewhere there is no limit to go by.
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Infinity : Number(soft) - SPARE_DESCRIPTORS;
}

/** Whether no descriptor is left: another call that needs one reports it. */
export async function isOutOfDescriptors(): Promise<boolean> {
  const { open } = await import("node:fs/promises");
  try {
    await (await open("/dev/null")).close();
    return false;
  } catch (error) {
    // Any other error, as where there is no such file, means nothing here.
    return (error as NativeError).code === "EMFILE";
  }
}

/** In `/proc/net/unix`: the type of a stream, the flags of one that listens. */
const [STREAM, LISTENS] = ["0001", "00010000"];

/**
 * Returns why the socket that is bound to a path takes no connection: one that
 * listens has a full queue, and one that is no stream never takes any.
 */
export async function boundSocketError(
  path: string,
): Promise<"EAGAIN" | "EPROTOTYPE" | undefined> {
  const { readFile } = await import("node:fs/promises");
  // Where there is no such table, as on macOS, the kernel refuses as well.
  const bound = await readFile("/proc/net/unix", "utf8").catch(() => "");
  const { basename, isAbsolute, resolve } = await import("node:path");
  // A server is there under the path that it gave, a relative one perhaps, and
  // so are the connections that it accepted, but for the flag.
  const [full, name] = [resolve(path), basename(path)];
  const types = bound.split("\n").flatMap((line) => {
    const [, , , flags, type, , , ...words] = line.trim().split(/ +/);
    const other = words.join(" ");
    const isSame = isAbsolute(other)
      ? other === full
      : basename(other) === name;
    return isSame && (flags === LISTENS || type !== STREAM) ? [type] : [];
  });
  if (types.length === 0) return undefined;
  return types.includes(STREAM) ? "EAGAIN" : "EPROTOTYPE";
}
