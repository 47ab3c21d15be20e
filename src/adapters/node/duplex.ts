import { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import type { Handle } from "../../net/handle.ts";
import { DONE } from "../../net/send_queue.ts";
import { SocketStream } from "../../net/socket_stream.ts";
import type { Address } from "../../socket.ts";

/** The flow of bytes between a connection and the kernel. */
export interface Flow {
  isPaused(): boolean;
  /** Leaves what the peer sends to the kernel. */
  pause(): unknown;
  resume(): unknown;
  /** The error of the socket, which on Deno TLS does not see at once. */
  readonly errored: Error | null;
}

/** Read at a time, several TLS records. */
const READ_BYTES = 262_144;

/**
 * Makes a stream for `node:tls` to encrypt over, of a socket that is not one of
 * `node:net`. Its flow is paused below TLS: a paused `TLSSocket` of Deno never
 * reports the peer's end, https://github.com/denoland/deno/pull/33524.
 */
export function toDuplex(
  handle: Handle,
  peer: Address,
): { duplex: Duplex; flow: Flow } {
  const below = new SocketStream(handle, peer);
  let isPaused = false;
  let isWanted = false;
  const read = (): void => {
    isWanted = false;
    below.recv(READ_BYTES).then(
      (data) => duplex.push(data),
      (error) => duplex.destroy(error),
    );
  };
  const duplex = new Duplex({
    read() {
      if (isPaused) isWanted = true;
      else read();
    },
    write(chunk: Uint8Array, _, done) {
      const sent = below.sending.send(chunk) ?? DONE;
      // In a later turn: on Deno, a loop of sends would keep timers waiting.
      sent.then(() => setImmediate(done), done);
    },
    final(done) {
      below.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      below.close();
      done(error);
    },
  });
  const flow = {
    isPaused: () => isPaused,
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      if (isWanted) read();
    },
    get errored() {
      return duplex.errored;
    },
  };
  return { duplex, flow };
}
