// Facts that Bun does not report, read from Linux.

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
