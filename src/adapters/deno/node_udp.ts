// UDP on Deno without `--unstable-net`: slower, but it needs no flag.
import type { Socket } from "node:dgram";
import type { DatagramHandle } from "../../net/adapter.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import { type NativeError, withErrorCode } from "../../net/socket_error.ts";
import type { NetAddress } from "../../socket.ts";
import { Deno } from "./api.ts";
import { chooseAddressFor } from "./names.ts";

/** Milliseconds in which a system call that fails at once has failed. */
const AT_ONCE = 50;

/**
 * Binds a UDP socket through `node:dgram`. Its modules are imported here, for
 * few programs need them; this file is not, for to load a file takes a
 * descriptor, and Deno panics where none is left.
 */
export async function bindNodeUdp(
  hostname: string,
  port: number,
  queue: DatagramQueue,
): Promise<DatagramHandle> {
  const { createSocket } = await import("node:dgram");
  // Without this import the `close` event never comes.
  await import("node:process");
  const socket = createSocket({
    type: hostname.includes(":") ? "udp6" : "udp4",
    // The system call looks names up itself, and checks the permission for the
    // name; with Node's own lookup a missing one could not be caught.
    lookup: (name, _, done) => done(null, name, 0),
  });
  let failed: NativeError | undefined;
  socket.on("error", (error) => failed ??= error);
  try {
    socket.bind({ address: hostname, port });
    if (failed !== undefined) throw failed;
    socket.setBroadcast(true);
    return new NodeDatagramHandle(socket, queue);
  } catch (error) {
    socket.close();
    if (failed?.code !== "UNKNOWN") throw error;
    throw withErrorCode(failed, "ENOTFOUND");
  }
}

class NodeDatagramHandle implements DatagramHandle {
  readonly addr: NetAddress<"udp">;
  readonly #socket: Socket;

  constructor(socket: Socket, queue: DatagramQueue) {
    const { address: hostname, port } = socket.address();
    this.addr = { transport: "udp", hostname, port };
    this.#socket = socket;
    socket.on("message", (data, { address, port }) => {
      // A copy: the buffer is 64 KiB, whatever came.
      queue.put(new Uint8Array(data), address, port);
    });
  }

  async send(
    data: Uint8Array,
    hostname: string,
    port: number,
    isName: boolean,
  ): Promise<void> {
    const to = isName
      ? await chooseAddressFor(this.addr, hostname, port)
      : hostname;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.send(data, port, to, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
    try {
      await promise;
    } catch (error) {
      throw await findError(error, to, port);
    }
  }

  async close(sending: Promise<void> | undefined): Promise<void> {
    // What is under way would be lost.
    await sending;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.close(resolve);
    // Only then is the port free.
    await promise;
  }
}

/** Codes of a route, which are those of every transport. */
const ROUTE_CODES = ["ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL"];

/**
 * Returns the error of a send by its own code: Deno's `node:dgram` calls most of
 * them UNKNOWN. A TCP connect meets the same route and needs the same permission.
 */
async function findError(
  error: unknown,
  hostname: string,
  port: number,
): Promise<unknown> {
  if ((error as NativeError).code !== "UNKNOWN") return error;
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
