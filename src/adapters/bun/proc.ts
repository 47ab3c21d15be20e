// What Bun does not tell, and Linux does.

/**
 * Out of descriptors, Bun's accept fails and is tried again without a pause or
 * a word to us: so the last ones are kept free, and newcomers reset.
 */
const SPARE_DESCRIPTORS = 8;

/** The first descriptor that is one too many. */
export async function descriptorLimit(): Promise<number> {
  const { readFile } = await import("node:fs/promises");
  // Only Linux tells; elsewhere there is nothing to go by.
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Infinity : Number(soft) - SPARE_DESCRIPTORS;
}

/**
 * Out of descriptors, Bun says ECONNREFUSED, or gives no code at all; any other
 * call that needs one tells.
 */
export async function exhausted(error: unknown): Promise<boolean> {
  const { code } = error as { code?: string };
  if (code !== undefined && code !== "ECONNREFUSED") return false;
  const { open } = await import("node:fs/promises");
  try {
    await (await open("/dev/null")).close();
    return false;
  } catch (cause) {
    // Anything else, as where there is no such file, says nothing.
    return (cause as { code?: string }).code === "EMFILE";
  }
}

/** What `/proc/net/unix` shows of a socket that listens. */
const ACCEPTING = "00010000";

/** Bun says ECONNREFUSED as well when the queue of a Unix server is full. */
export async function refused(error: Error, path: string): Promise<Error> {
  if (!("code" in error) || error.code !== "ECONNREFUSED") return error;
  const { readFile } = await import("node:fs/promises");
  // Where there is no such table, as on macOS, the kernel refuses as well.
  const bound = await readFile("/proc/net/unix", "utf8").catch(() => "");
  const { basename, isAbsolute, resolve } = await import("node:path");
  // A server is there under the path that it gave, a relative one perhaps, and
  // so are the connections that it accepted, but for the flag.
  const [full, name] = [resolve(path), basename(path)];
  const live = bound.split("\n").some((line) => {
    const [, , , flags, , , , ...words] = line.trim().split(/ +/);
    const theirs = words.join(" ");
    return flags === ACCEPTING &&
      (isAbsolute(theirs) ? theirs === full : basename(theirs) === name);
  });
  return live ? Object.assign(error, { code: "EAGAIN" }) : error;
}
