import type { Address } from "../../socket.ts";
import type { BaseConnection } from "../socket_connection.ts";
import { BaseListener } from "../socket_listener.ts";
import { Newcomers } from "../pending_handshakes.ts";
import { LONGEST_HEADER, parseProxyHeader } from "./header.ts";

/**
 * A listener behind proxies: its connections begin with a PROXY header, which
 * is read here, and tells whose they are. Who may not send one, or sends a wrong
 * one, is closed, and nobody hears of it.
 */
export class ProxiedListener extends BaseListener {
  readonly addr: Address;
  readonly #inner: BaseListener;
  readonly #backlog: number;
  readonly #trusts: (peer: Address) => boolean;
  /** Those whose header is under way. */
  readonly #newcomers = new Newcomers<BaseConnection>((one) => one.close());
  #accepting = false;

  constructor(
    inner: BaseListener,
    backlog: number,
    trusts: (peer: Address) => boolean,
  ) {
    super();
    this.#backlog = backlog;
    this.addr = inner.addr;
    this.#inner = inner;
    this.#trusts = trusts;
  }

  protected wake(): void {
    if (!this.#accepting) this.#acceptOn();
  }

  /** As on any listener, connections wait in the kernel until one is wanted. */
  async #acceptOn(): Promise<void> {
    this.#accepting = true;
    try {
      while (this.wanted) this.#meet(await this.#inner.accept());
    } catch {
      // Only the end of the listener ends an `accept`.
    }
    this.#accepting = false;
  }

  /** Beside the accept loop, which no silent proxy may hold up. */
  async #meet(connection: BaseConnection): Promise<void> {
    if (this.closed || !this.#trusts(connection.remoteAddr)) {
      return connection.close();
    }
    this.#newcomers.add(connection);
    let introduced = false;
    try {
      introduced = await readHeader(connection);
    } catch {
      // The peer is gone, or has been given up.
    }
    // It may have been given up just when the header was there.
    const inTime = this.#newcomers.remove(connection);
    // Many may be met for one that is wanted; the queue holds no more than that.
    const room = this.wanted || this.queued < this.#backlog;
    if (introduced && inTime && room) this.put(connection);
    else connection.close();
  }

  protected async release(): Promise<void> {
    this.#newcomers.clear();
    await this.#inner.close();
  }
}

/** Whether a valid header came; what follows it is left to the next `recv`. */
async function readHeader(connection: BaseConnection): Promise<boolean> {
  let bytes = new Uint8Array(0);
  for (;;) {
    const chunk = await connection.recv(LONGEST_HEADER);
    if (chunk === null) return false;
    bytes = joined(bytes, chunk);
    const header = parseProxyHeader(bytes);
    if (header === "malformed") return false;
    if (header === "incomplete") continue;
    connection.introduce(header.endpoints, bytes.slice(header.length));
    return true;
  }
}

function joined(
  a: Uint8Array<ArrayBuffer>,
  b: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (a.length === 0) return b;
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
