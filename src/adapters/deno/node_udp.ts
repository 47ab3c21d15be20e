// UDP on Deno without `--unstable-net`: slower, but it needs no flag.
import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
// Without this import the `close` event never comes.
import "node:process";
import type { DatagramHandle } from "../../net/adapter.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import { type NativeError, withErrorCode } from "../../net/socket_error.ts";
import { formatAddress, type NetAddress } from "../../socket.ts";
import { Deno } from "./api.ts";

/** Binds a UDP socket through `node:dgram`. */
export function bindNodeUdp(
  hostname: string,
  port: number,
  queue: DatagramQueue,
): DatagramHandle {
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

  send(data: Uint8Array, hostname: string, port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.send(data, port, hostname, (error) => {
      if (error === null) resolve();
      else reject(nameError(error, hostname, port));
    });
    return promise;
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

/** Names an error: Deno's `node:dgram` calls most of them UNKNOWN. */
function nameError(error: NativeError, hostname: string, port: number): Error {
  if (error.code !== undefined && error.code !== "UNKNOWN") return error;
  const to = formatAddress({ transport: "udp", hostname, port });
  const { state } = Deno.permissions.querySync({ name: "net", host: to });
  const message = state === "granted"
    ? error.message
    : `Requires net access to "${to}", run again with the --allow-net flag`;
  return Object.assign(new Error(message, { cause: error }), {
    name: state === "granted" ? "Error" : "NotCapable",
    code: isIP(hostname) ? undefined : "ENOTFOUND",
  });
}
