// Facts that Bun does not report, read from Linux.
import { type NativeError, withErrorCode } from "../../net/socket_error.ts";
import { isQueueFull } from "./unix_errno.ts";

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

/**
 * Whether no descriptor is left. Bun then reports ECONNREFUSED or no code at
 * all; another call that needs a descriptor reports it.
 */
export async function isOutOfDescriptors(error: NativeError): Promise<boolean> {
  const { code } = error;
  if (code !== undefined && code !== "ECONNREFUSED") return false;
  const { open } = await import("node:fs/promises");
  try {
    await (await open("/dev/null")).close();
    return false;
  } catch (cause) {
    // Any other error, as where there is no such file, means nothing here.
    return cause instanceof Error && (cause as NativeError).code === "EMFILE";
  }
}

/**
 * Corrects the ECONNREFUSED that Bun also reports when the queue of a Unix
 * server is full.
 */
export async function correctBacklogError(
  error: NativeError,
  path: string,
): Promise<NativeError> {
  const isFull = error.code === "ECONNREFUSED" && await isQueueFull(path);
  return isFull ? withErrorCode(error, "EAGAIN") : error;
}
