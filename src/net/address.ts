import { canonicalIp } from "../ip.ts";
import type { Address, NetAddress, UnixAddress } from "../socket.ts";

/** The address of a Unix socket that is bound to no path. */
export const UNNAMED_UNIX_ADDRESS: UnixAddress = unixAddress("");

/** Whether a hostname stands for all of a machine's addresses. */
export function isWildcard(hostname: string): boolean {
  return hostname === "0.0.0.0" || hostname === "::";
}

/** Returns the address in options, of a name too, without the other options. */
export function endpointOf(options: Address): Address {
  if (options.transport === "unix") return unixAddress(options.path);
  const { transport, hostname, port } = options;
  return { transport, hostname, port };
}

/** Whether an IP address reaches this machine alone. */
export function isLoopback(hostname: string): boolean {
  return hostname === "::1" || /^(::ffff:)?127\./.test(hostname);
}

/** Returns an address with the one form of its IP that can be compared. */
export function canonicalAddress(address: Address): Address {
  if (address.transport === "unix") return address;
  return { ...address, hostname: canonicalIp(address.hostname) };
}

/** The address of a path as it was given; empty for a peer without one. */
export function unixAddress(path: string): UnixAddress {
  return { transport: "unix", path };
}

/** The address of a TCP socket. */
export function tcpAddress(hostname: string, port: number): NetAddress<"tcp"> {
  return { transport: "tcp", hostname, port };
}

/** Whether a Unix path is an abstract name of Linux, without a file. */
export function isAbstract(path: string): boolean {
  return path.startsWith("\0");
}

/** The bytes that a Unix address has room for: fewer on macOS than on Linux. */
export function longestPath(): number {
  return isLinux() ? 107 : 103;
}

export function isLinux(): boolean {
  // Looked up here, for Deno makes this object when it is first asked for.
  const { process } = globalThis as { process?: { platform: string } };
  return process?.platform === "linux";
}
