/**
 * The address of a TCP or UDP socket: an IP and a port.
 *
 * @example An address in a URL
 * ```ts
 * import { formatAddress, type NetAddress } from "@parley/echo";
 *
 * const addr: NetAddress = { transport: "tcp", hostname: "::1", port: 8080 };
 * console.log(new URL(`http://${formatAddress(addr)}/`).href);
 * // http://[::1]:8080/
 * ```
 */
export interface NetAddress<
  Transport extends "tcp" | "udp" = "tcp" | "udp",
> {
  /** The protocol that carries it: `"tcp"`, with TLS on top too, or `"udp"`. */
  transport: Transport;
  /**
   * The IP address, without brackets: `127.0.0.1`, `::1`. A socket on `::`
   * shows its IPv4 peers as `::ffff:127.0.0.1`.
   */
  hostname: string;
  /** The port, 1 to 65535; 0 where the sender of a datagram forged it. */
  port: number;
}

/**
 * The address of a Unix domain socket: a path.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@parley/echo";
 * import { tmpdir } from "node:os";
 *
 * const path = `${tmpdir()}/parley-${crypto.randomUUID()}.sock`;
 * await using listener = await listen({ transport: "unix", path });
 * await using client = await connect({ transport: "unix", path });
 * await using server = await listener.accept();
 * console.log(client.remoteAddr); // { transport: "unix", path: "/tmp/…" }
 * console.log(server.remoteAddr); // { transport: "unix", path: "" }
 * ```
 */
export interface UnixAddress {
  /** The protocol that carries it. */
  transport: "unix";
  /**
   * The path of the socket file. Empty for a peer without one, as clients
   * usually are; Bun does not tell that of a client that has one.
   */
  path: string;
}

/**
 * Where a socket is: the real one, after names and port 0 are resolved.
 *
 * @example Tells the two kinds apart by `transport`
 * ```ts
 * import type { Address } from "@parley/echo";
 *
 * const hostOf = (addr: Address) =>
 *   addr.transport === "unix" ? "this machine" : addr.hostname;
 *
 * console.log(hostOf({ transport: "tcp", hostname: "::1", port: 80 })); // ::1
 * ```
 */
export type Address = NetAddress | UnixAddress;

/**
 * The address of a listener on this transport.
 *
 * @example A path of its own
 * ```ts
 * import type { AddressOf } from "@parley/echo";
 *
 * const addr: AddressOf<"unix"> = { transport: "unix", path: "/run/x.sock" };
 * console.log(addr.path); // a TCP address has none, and the compiler says so
 * ```
 */
export type AddressOf<Transport extends "tcp" | "unix"> = {
  tcp: NetAddress<"tcp">;
  unix: UnixAddress;
}[Transport];

/**
 * Writes an address the usual way.
 *
 * @param address The address.
 * @returns `127.0.0.1:80`, `[::1]:80` or `unix:/run/x.sock`.
 *
 * @example
 * ```ts
 * import { formatAddress } from "@parley/echo";
 *
 * console.log(formatAddress({ transport: "tcp", hostname: "::1", port: 80 }));
 * // [::1]:80
 * ```
 */
export function formatAddress(address: Address): string {
  if (address.transport === "unix") return `unix:${address.path}`;
  const { hostname, port } = address;
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}
