import { escapeControls } from "./escape.ts";

/**
 * The address of a TCP or UDP socket: an IP and a port.
 *
 * @category Connect
 */
export interface NetAddress<
  Transport extends "tcp" | "udp" = "tcp" | "udp",
> {
  /** The transport protocol: `"tcp"`, also below TLS, or `"udp"`. */
  transport: Transport;
  /**
   * The IP address, without brackets: `127.0.0.1`, `::1`. On a socket bound to
   * `::`, IPv4 peers appear as `::ffff:127.0.0.1`.
   */
  hostname: string;
  /** The port, 1 to 65535; 0 in the forged source address of a datagram. */
  port: number;
}

/**
 * The address of a Unix domain socket: a path.
 *
 * @category Connect
 */
export interface UnixAddress {
  /** The transport. */
  transport: "unix";
  /**
   * The path of the socket file; that of an abstract name starts with a NUL.
   * Empty for a peer without one, which most
   * clients are; on Bun, empty for every client.
   */
  path: string;
}

/**
 * The address of a socket, after names and port 0 are resolved; `transport`
 * distinguishes the two kinds.
 *
 * @category Connect
 */
export type Address = NetAddress | UnixAddress;

/**
 * The address type of a listener on a transport.
 *
 * @category Connect
 */
export type AddressOf<Transport extends "tcp" | "unix" | undefined> =
  Transport extends "unix" ? UnixAddress : NetAddress<"tcp">;

/**
 * Formats an address in the usual notation. Control characters, which a peer
 * may put into the path of a Unix socket, are escaped as in `\x1b`.
 *
 * @param address The address.
 * @returns `127.0.0.1:80`, `[::1]:80`, `unix:/run/x.sock`, or `unix:@name` for
 *   an abstract Unix address: its path starts with a NUL.
 *
 * @example Usage
 * ```ts
 * import { formatAddress } from "@parley/echo";
 *
 * console.log(formatAddress({ transport: "tcp", hostname: "::1", port: 80 }));
 * // [::1]:80
 * ```
 *
 * @category Connect
 */
export function formatAddress(address: Address): string {
  if (address.transport === "unix") {
    return `unix:${escapeControls(address.path.replace(/^\0/, "@"))}`;
  }
  const hostname = escapeControls(address.hostname);
  const { port } = address;
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}
