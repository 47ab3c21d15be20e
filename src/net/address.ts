import type { UnixAddress } from "../socket.ts";

/** Whether it stands for all of a machine's addresses. */
export function isWildcard(hostname: string): boolean {
  return hostname === "0.0.0.0" || hostname === "::";
}

/** The address of a path as it was given; empty for a peer without one. */
export function unixAddress(path: string): UnixAddress {
  return { transport: "unix", path };
}
