// UDP on Deno by node:dgram: slower than Deno's own, but it needs no flag, and
// has options that the other lacks.
import { parseIp } from "../../ip.ts";
import type { DatagramHandle } from "../../net/adapter.ts";
import { isLoopback } from "../../net/address.ts";
import type { CheckedBind } from "../../net/checked_options.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import {
  type MulticastInterface,
  noInterface,
  setDatagramOptions,
} from "../../net/multicast.ts";
import { type NativeError, withErrorCode } from "../../net/socket_error.ts";
import type { NetAddress } from "../../socket.ts";
import { NodeDatagramHandle } from "../node/datagram_handle.ts";
import { Deno, isGranted } from "./api.ts";

/** Milliseconds in which a system call that fails at once has failed. */
const AT_ONCE = 50;

/**
 * Binds a UDP socket through `node:dgram`. Its modules are imported here, for
 * few programs need them; this file is not, for to load a file takes a
 * descriptor, and Deno panics where none is left.
 */
export async function bindNodeUdp(
  options: CheckedBind,
  queue: DatagramQueue,
): Promise<DatagramHandle> {
  const { hostname, port, reuseAddress } = options;
  const { createSocket } = await import("node:dgram");
  // Without this import the `close` event never comes.
  await import("node:process");
  const socket = createSocket({
    type: hostname.includes(":") ? "udp6" : "udp4",
    reuseAddr: reuseAddress,
    // The system call looks names up itself, and checks the permission for the
    // name; with Node's own lookup a missing one could not be caught.
    lookup: (name, _, done) => done(null, name, 0),
  });
  let failed: NativeError | undefined;
  socket.on("error", (error) => failed ??= error);
  try {
    socket.bind({ address: hostname, port });
    if (failed !== undefined) throw failed;
    setDatagramOptions(socket, options);
    return new CodedDatagramHandle(new NodeDatagramHandle(socket, queue));
  } catch (error) {
    socket.close();
    if (failed?.code !== "UNKNOWN") throw error;
    throw withErrorCode(failed, "ENOTFOUND");
  }
}

/** Gives errors the codes that Deno's `node:dgram` leaves out. */
class CodedDatagramHandle implements DatagramHandle {
  readonly addr: NetAddress<"udp">;
  readonly #socket: NodeDatagramHandle;
  /** The groups joined, each with its interface. */
  readonly #memberships = new Set<string>();

  constructor(socket: NodeDatagramHandle) {
    this.addr = socket.addr;
    this.#socket = socket;
  }

  async send(data: Uint8Array, hostname: string, port: number): Promise<void> {
    try {
      await this.#socket.send(data, hostname, port);
    } catch (error) {
      throw await findError(error, this.addr.hostname, hostname, port);
    }
  }

  async joinMulticast(group: string, on?: MulticastInterface): Promise<void> {
    try {
      this.#socket.joinMulticast(group, on);
    } catch (error) {
      throw await this.#joinError(error as NativeError, group, on);
    }
    this.#memberships.add(membershipKey(group, on));
  }

  leaveMulticast(group: string, on?: MulticastInterface): void {
    try {
      this.#socket.leaveMulticast(group, on);
    } catch (error) {
      throw withErrorCode(error as NativeError, "EADDRNOTAVAIL");
    }
    this.#memberships.delete(membershipKey(group, on));
  }

  close(sending: Promise<unknown> | undefined): Promise<void> {
    return this.#socket.close(sending);
  }

  /** Deno reports EINVAL, whatever it was. */
  async #joinError(
    error: NativeError,
    group: string,
    on: MulticastInterface | undefined,
  ): Promise<NativeError> {
    if (this.#memberships.has(membershipKey(group, on))) {
      return withErrorCode(error, "EADDRINUSE");
    }
    if (on !== undefined && await isMissing(on)) return noInterface(error);
    // With another address of the same interface, or with none.
    const isJoined = [...this.#memberships]
      .some((key) => key.startsWith(`${group} `));
    if (isJoined) return withErrorCode(error, "EADDRINUSE");
    if (on === undefined) return noInterface(error);
    return withErrorCode(error, "ENOBUFS");
  }
}

function membershipKey(group: string, on?: MulticastInterface): string {
  return `${group} ${on?.address ?? ""}`;
}

/** Whether an IPv4 interface does not exist; IPv6's has been looked up. */
async function isMissing({ address }: MulticastInterface): Promise<boolean> {
  if (address.includes(":")) return false;
  if (!isGranted({ name: "sys", kind: "networkInterfaces" })) return true;
  const { networkInterfaces } = await import("node:os");
  const known = Object.values(networkInterfaces()).flat();
  return !known.some((one) => one?.address === address);
}

/** Codes of a route, which are those of every transport. */
const ROUTE_CODES = ["ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL"];

/**
 * Returns the error of a send by its own code: Deno's `node:dgram` calls most of
 * them UNKNOWN. A TCP connect meets the same route and needs the same permission.
 */
async function findError(
  error: unknown,
  own: string,
  hostname: string,
  port: number,
): Promise<unknown> {
  if (!isUnknown(error)) return error;
  // What a TCP connect, from any address, would not meet.
  const isOutside = isLoopback(own) && parseIp(hostname)?.length === 4 &&
    !isLoopback(hostname);
  if (isOutside && isGranted({ name: "net", host: `${hostname}:${port}` })) {
    return withErrorCode(error, "EINVAL");
  }
  try {
    const signal = AbortSignal.timeout(AT_ONCE);
    (await Deno.connect({ hostname, port, signal })).close();
  } catch (found) {
    // Any other error is of TCP alone.
    const { code, name } = found as NativeError;
    if (code === undefined && name !== "TimeoutError") return found;
    if (code !== undefined && ROUTE_CODES.includes(code)) return found;
  }
  return error;
}

function isUnknown(error: unknown): error is NativeError {
  return error instanceof Error && (error as NativeError).code === "UNKNOWN";
}
