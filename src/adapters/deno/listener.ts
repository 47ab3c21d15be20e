import type { AcceptQueue, ListenerHandle } from "../../net/adapter.ts";
import type { CheckedListen } from "../../net/checked_options.ts";
import { isWildcard, unixAddress } from "../../net/address.ts";
import type { NativeError } from "../../net/socket_error.ts";
import type { Address } from "../../socket.ts";
import type { DenoListener, DenoSocket } from "./api.ts";
import { toConnection } from "./connection.ts";
import { copyAddress, setTcpOptions } from "./socket.ts";
import type { Handshakes } from "./tls.ts";

/** Errors of `accept` when one peer left before it was accepted. */
const TRANSIENT_ACCEPT_ERRORS = ["ENOTCONN", "ECONNABORTED", "ECONNRESET"];

/** A `Deno.Listener`, which accepts while a call of `accept` waits. */
export class DenoListenerHandle implements ListenerHandle {
  readonly addr: Address;
  readonly #listener: DenoListener;
  readonly #options: CheckedListen;
  readonly #queue: AcceptQueue;
  readonly #handshakes: Handshakes | undefined;
  #isAccepting = false;
  #accepting: Promise<DenoSocket> | undefined;

  /**
   * @param handshakes With TLS, those of its clients.
   * @param path The path of a Unix socket as the caller gave it.
   */
  constructor(
    listener: DenoListener,
    options: CheckedListen,
    queue: AcceptQueue,
    handshakes?: Handshakes,
    path?: string,
  ) {
    this.#listener = listener;
    this.#options = options;
    this.#queue = queue;
    this.#handshakes = handshakes;
    this.addr = path === undefined
      ? copyAddress(listener.addr)
      : unixAddress(path);
    this.acceptStart();
  }

  acceptStart(): void {
    if (!this.#isAccepting && this.#shouldAccept) this.#accept();
  }

  async close(): Promise<void> {
    this.#listener.close();
    this.#handshakes?.clear();
    // An accept under way keeps the address until it has been cancelled.
    await this.#accepting?.catch(() => {});
  }

  /**
   * Whether to accept: connections wait in the kernel until one is wanted. A
   * TLS client waits for its handshake, though, so those are fetched ahead.
   */
  get #shouldAccept(): boolean {
    if (this.#queue.isClosed) return false;
    return this.#handshakes !== undefined
      ? !this.#queue.isFull
      : this.#queue.isWanted;
  }

  async #accept(): Promise<void> {
    this.#isAccepting = true;
    for (let pause = 0; this.#shouldAccept;) {
      try {
        this.#accepting = this.#listener.accept();
        this.#onConnection(await this.#accepting);
        pause = 0;
      } catch (error) {
        if (this.#queue.isClosed) break;
        // A peer that was gone before it was accepted delays no other.
        const { code } = error as NativeError;
        if (code !== undefined && TRANSIENT_ACCEPT_ERRORS.includes(code)) {
          continue;
        }
        // Without descriptors, trying again at once would only spin.
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(250, pause * 2 || 5);
      }
    }
    this.#isAccepting = false;
  }

  #onConnection(socket: DenoSocket): void {
    const { addr } = this;
    // On a wildcard each connection has a local address of its own, and for a
    // relative path Deno reports an absolute one.
    const local = addr.transport === "unix" || !isWildcard(addr.hostname)
      ? addr
      : copyAddress(socket.localAddr);
    const remote = copyAddress(socket.remoteAddr);
    setTcpOptions(socket, this.#options);
    if (this.#handshakes !== undefined) {
      return this.#handshakes.start(socket, local, remote);
    }
    this.#queue.add(toConnection(socket, local, remote));
  }
}
