import type { BunError, BunSocket } from "./api.ts";

/** Event handlers shared by all sockets; `socket.data` handles this one's. */
export const handlers = {
  binaryType: "uint8array",
  open: (socket: BunSocket) => socket.data.onOpen?.(socket),
  // With this handler `open` comes before the handshake, so that it can be
  // given a deadline.
  handshake: (socket: BunSocket, ok: boolean, error: BunError | null) =>
    socket.data.onHandshake?.(socket, ok, error),
  data: (socket: BunSocket, chunk: Uint8Array<ArrayBuffer>) =>
    socket.data.onData?.(chunk),
  end: (socket: BunSocket) => socket.data.onEnd?.(),
  drain: (socket: BunSocket) => socket.data.onDrain?.(),
  close: (socket: BunSocket, error?: BunError) => socket.data.onClose(error),
  error: (socket: BunSocket, error: BunError) => socket.data.onError?.(error),
};
