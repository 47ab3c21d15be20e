// The codes that Bun hides, as ECONNREFUSED or none at all: found by a second
// look once a call has failed. https://github.com/oven-sh/bun/pull/37093
import { isAbstract } from "../../net/address.ts";
import { isOutOfDescriptors } from "../../net/descriptors.ts";
import { type NativeError, withErrorCode } from "../../net/socket_error.ts";
import { Bun } from "./api.ts";
import { connectError } from "./unix_errno.ts";

/**
 * Milliseconds that distinguish a silent peer from one that refuses: Linux repeats a
 * SYN after one second and then after two, where it gives up soonest.
 */
const SILENCE = 2900;

/** Returns the error with EMFILE, if no descriptor is left. */
export async function correctError(error: unknown): Promise<unknown> {
  const isHidden = hasCode(error, undefined, "ECONNREFUSED", "ENOTFOUND");
  return isHidden && await isOutOfDescriptors()
    ? withErrorCode(error, "EMFILE")
    : error;
}

/**
 * Returns the error of a `connect` to an IP address with its own code. That
 * which a router reports stays hidden.
 */
export async function correctTcpError(
  error: unknown,
  address: string,
  port: number,
  elapsed: number,
): Promise<unknown> {
  if (!hasCode(error, "ECONNREFUSED")) return error;
  const code = await routeError(address, port) ??
    (elapsed > SILENCE ? "ETIMEDOUT" : "ECONNREFUSED");
  return withErrorCode(error, code);
}

/** Returns the error of a `connect` to a Unix socket with its own code. */
export async function correctUnixError(
  error: unknown,
  path: string,
): Promise<unknown> {
  if (!hasCode(error, "ECONNREFUSED")) return error;
  const hasFile = !isAbstract(path);
  const code = (hasFile ? await fileError(path) : undefined) ??
    await connectError(path) ??
    "ECONNREFUSED";
  return withErrorCode(error, code);
}

function hasCode(
  error: unknown,
  ...codes: (string | undefined)[]
): error is NativeError {
  return error instanceof Error && codes.includes((error as NativeError).code);
}

/** A UDP socket that connects looks for the route, and sends nothing. */
async function routeError(
  hostname: string,
  port: number,
): Promise<string | undefined> {
  try {
    const socket = await Bun.udpSocket({
      hostname: hostname.includes(":") ? "::" : "0.0.0.0",
      connect: { hostname, port },
    });
    socket.close();
  } catch (error) {
    // That is what was looked for.
    return (error as NativeError).code;
  }
}

/** The code of a path that cannot be followed, as one through a file. */
async function fileError(path: string): Promise<string | undefined> {
  const { stat } = await import("node:fs/promises");
  try {
    await stat(path);
  } catch (error) {
    // That is what was looked for.
    return (error as NativeError).code;
  }
}
