// A TCP connect that can be aborted. `Bun.connect` hands out no socket before
// the peer answers, so an abort would leave the descriptor open, and the process
// alive, until the system gives up. `node:net` holds the native socket from the
// start; connected, it goes over to us, and is as fast as one of `Bun.connect`.
import type { Socket } from "node:net";
import { rejectOnAbort } from "../../net/abort.ts";
import { Bun, type BunSocket } from "./api.ts";
import { handlers } from "./handlers.ts";

/**
 * Opens a TCP connection to an IP address. Its descriptor is free as soon as
 * the signal aborts.
 */
export async function openAbortable(
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<BunSocket> {
  const { connect } = await import("node:net");
  signal.throwIfAborted();
  const socket = connect({
    host: hostname,
    port,
    allowHalfOpen: true,
    noDelay: true,
  });
  const { promise, resolve, reject } = Promise.withResolvers<BunSocket>();
  socket.on("error", reject);
  if (nativeSocket(socket) === undefined) {
    socket.destroy();
    return await openUnabortable(hostname, port, signal);
  }
  socket.once("connect", () => resolve(takeNativeSocket(socket)));
  rejectOnAbort(signal, promise, () => {
    reject(signal.reason);
    socket.destroy();
  });
  return await promise;
}

/** For a Bun where `node:net` keeps its native socket to itself. */
async function openUnabortable(
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<BunSocket> {
  const socket = await Bun.connect({
    hostname,
    port,
    allowHalfOpen: true,
    socket: handlers,
    data: { onClose() {} },
  });
  if (signal.aborted) socket.terminate();
  signal.throwIfAborted();
  return socket;
}

function nativeSocket(socket: Socket): BunSocket | undefined {
  const native = Reflect.get(socket, "_handle");
  return typeof native?.reload === "function" ? native : undefined;
}

/** Called before the socket has reported any data. */
function takeNativeSocket(socket: Socket): BunSocket {
  const native = nativeSocket(socket)!;
  Reflect.set(socket, "_handle", null);
  native.reload({ socket: handlers });
  native.data = { onClose() {} };
  // A property of the native socket keeps the `Socket`, two kilobytes, in
  // memory as long as the connection.
  for (const key of Object.getOwnPropertySymbols(native)) {
    Reflect.deleteProperty(native, key);
  }
  return native;
}
