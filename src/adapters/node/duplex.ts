import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import type { TLSSocket } from "node:tls";
import { readServerName } from "../../net/client_hello.ts";
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
  /**
   * Reads the name that a client asks for, and leaves all bytes to the
   * handshake: over such a stream TLS of Deno waits for ever in its SNICallback.
   */
  readServerName?(): Promise<string | undefined>;
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
  DuplexClass: typeof Duplex,
  handle: Handle,
  peer: Address,
  received: Uint8Array<ArrayBuffer> | null = null,
): { duplex: Duplex; flow: Flow } {
  const below = new SocketStream(handle, peer);
  if (received !== null) below.receiving.unshift(received);
  let isHandshake = true;
  let isPaused = false;
  let isWanted = false;
  let written = DONE;
  const read = async (): Promise<void> => {
    isWanted = false;
    try {
      const data = await below.receiving.recv(READ_BYTES);
      // TLS on Deno drops its answer to what comes before its write is done,
      // which it learns two turns of the event loop later.
      if (isHandshake) {
        await written;
        await turn();
        await turn();
      }
      duplex.push(data);
    } catch (error) {
      duplex.destroy(error as Error);
    }
  };
  const duplex = new DuplexClass({
    read() {
      if (isPaused) isWanted = true;
      else read();
    },
    write(chunk: Uint8Array, _, done) {
      const sent = below.sending.send(chunk) ?? DONE;
      written = sent.then(() => done(), done);
    },
    final(done) {
      below.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      below.close();
      done(error);
    },
  });
  const destroy = duplex.destroy.bind(duplex);
  // TLS on Deno writes the alert of a failed handshake just after this.
  duplex.destroy = (error) => {
    if (isHandshake) setImmediate(() => destroy(error));
    else destroy(error);
    return duplex;
  };
  const flow = {
    isPaused: () => isPaused,
    pause() {
      isPaused = true;
      isHandshake = false;
    },
    resume() {
      isPaused = false;
      if (isWanted) read();
    },
    readServerName: () => readServerName(below.receiving),
    get errored() {
      return duplex.errored;
    },
  };
  return { duplex, flow };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Lets a TLS socket over such a stream write its close_notify: on Deno it has
 * finished before, and is destroyed if its peer has ended.
 */
export function flushBeforeFinish(socket: TLSSocket): void {
  const final = socket._final;
  socket._final = (done) =>
    final.call(socket, (error) => setImmediate(done, error));
}
