import type { AcceptQueue, ListenerHandle } from "../../net/adapter.ts";
import { type CheckedListen, isSecure } from "../../net/checked_options.ts";
import { isWildcard, unixAddress } from "../../net/address.ts";
import { PendingHandshakes } from "../../net/pending_handshakes.ts";
import type { NativeError } from "../../net/socket_error.ts";
import type { Address } from "../../socket.ts";
import type { DenoListener, DenoSocket, DenoTlsSocket } from "./api.ts";
import {
  closeOnce,
  copyAddress,
  setTcpOptions,
  toConnection,
} from "./socket.ts";

/** Errors of `accept` when one peer left before it was accepted. */
const TRANSIENT_ACCEPT_ERRORS = ["ENOTCONN", "ECONNABORTED", "ECONNRESET"];

/** A `Deno.Listener`, which accepts while a call of `accept` waits. */
export class DenoListenerHandle implements ListenerHandle {
  readonly addr: Address;
  readonly #listener: DenoListener;
  readonly #options: CheckedListen;
  readonly #queue: AcceptQueue;
  readonly #handshakes = new PendingHandshakes<DenoSocket>(closeOnce);
  #isAccepting = false;
  #accepting: Promise<DenoSocket> | undefined;

  /** @param path The path of a Unix socket as the caller gave it. */
  constructor(
    listener: DenoListener,
    options: CheckedListen,
    queue: AcceptQueue,
    path?: string,
  ) {
    this.#listener = listener;
    this.#options = options;
    this.#queue = queue;
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
    this.#handshakes.clear();
    // An accept under way keeps the address until it has been cancelled.
    await this.#accepting?.catch(() => {});
  }

  /**
   * Whether to accept: connections wait in the kernel until one is wanted. A
   * TLS client waits for its handshake, though, so those are fetched ahead.
   */
  get #shouldAccept(): boolean {
    if (this.#queue.isClosed) return false;
    return isSecure(this.#options) ? !this.#queue.isFull : this.#queue.isWanted;
  }

  async #accept(): Promise<void> {
    this.#isAccepting = true;
    for (let pause = 0; this.#shouldAccept;) {
      try {
        this.#accepting = this.#listener.accept();
        const socket = await this.#accepting;
        if (isSecure(this.#options)) this.#handshake(socket as DenoTlsSocket);
        else this.#enqueue(socket);
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
        pause = Math.min(1000, pause * 2 || 5);
      }
    }
    this.#isAccepting = false;
  }

  /** Runs beside the accept loop, which no client's handshake may delay. */
  async #handshake(socket: DenoTlsSocket): Promise<void> {
    this.#handshakes.add(socket);
    try {
      const { alpnProtocol } = await socket.handshake();
      this.#enqueue(socket, alpnProtocol);
    } catch {
      // The handshake failed, by junk, silence or a wrong protocol.
      closeOnce(socket);
    } finally {
      this.#handshakes.remove(socket);
      this.acceptStart();
    }
  }

  #enqueue(socket: DenoSocket, alpnProtocol?: string | null): void {
    const { addr } = this;
    // On a wildcard each connection has a local address of its own, and for a
    // relative path Deno reports an absolute one.
    const local = addr.transport === "unix" || !isWildcard(addr.hostname)
      ? addr
      : copyAddress(socket.localAddr);
    const remote = copyAddress(socket.remoteAddr);
    setTcpOptions(socket, this.#options);
    const connection = toConnection(socket, local, remote, alpnProtocol);
    if (!this.#queue.put(connection)) connection.close();
  }
}
