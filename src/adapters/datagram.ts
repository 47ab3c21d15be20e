import {
  type AbortOptions,
  type DatagramSocket,
  formatAddress,
  type NetAddress,
} from "../socket.ts";
import { fault, toFault } from "./fault.ts";
import { Inbox } from "./inbox.ts";

type Datagram = [data: Uint8Array<ArrayBuffer>, from: NetAddress<"udp">];

/** The most that IPv4 carries; IPv6 would take 20 bytes more. */
const LARGEST = 65507;
/** What may wait to be received: bytes, and for each datagram a bit more. */
const QUEUE_BYTES = 4 * 1024 * 1024;
const DATAGRAM_BYTES = 256;

const encoder = new TextEncoder();
/** Shared by every send that the runtime takes at once. */
const DONE = Promise.resolve();

/**
 * A datagram socket but for its system calls: the queue, the order of sends,
 * the checks, the end. An adapter extends it, and hands datagrams to `put`.
 */
export abstract class BaseDatagramSocket implements DatagramSocket {
  abstract readonly addr: NetAddress<"udp">;
  dropped = 0;
  readonly #inbox = new Inbox<Datagram>(
    ([data]) => data.length + DATAGRAM_BYTES,
  );
  #closed: Promise<void> | undefined;
  /** The last send under way: the next one waits for it. */
  #sending: Promise<void> | undefined;

  /** Sends one datagram; no promise where the runtime took it at once. */
  protected abstract transmit(
    data: Uint8Array,
    hostname: string,
    port: number,
  ): Promise<void> | void;
  /** Frees the address, with a send maybe under way. */
  protected abstract release(
    sending: Promise<void> | undefined,
  ): Promise<void> | void;

  recvFrom(options?: AbortOptions): Promise<Datagram> {
    return this.#inbox.take(options?.signal);
  }

  sendTo(
    data: Uint8Array | string,
    to: { hostname: string; port: number },
  ): Promise<void> {
    if (typeof data === "string") data = encoder.encode(data);
    // As URLs write IPv6.
    if (typeof to?.hostname === "string" && to.hostname.startsWith("[")) {
      to = { hostname: to.hostname.replace(/^\[(.*)\]$/, "$1"), port: to.port };
    }
    const refusal = this.#refuse(data, to);
    if (refusal !== undefined) return Promise.reject(refusal);
    // Deno sends what is under way at once in the reverse order.
    if (this.#sending !== undefined) {
      const before = this.#sending;
      return this.#hold(before.then(() => this.#transmit(data, to)), to);
    }
    try {
      const sending = this.#transmit(data, to);
      return sending === undefined ? DONE : this.#hold(sending, to);
    } catch (error) {
      return Promise.reject(this.#explain(error, to));
    }
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#inbox.close(this.#fault("receive on"));
    await this.release(this.#sending);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Datagram, void> {
    while (this.#closed === undefined) {
      let datagram;
      try {
        datagram = await this.recvFrom();
      } catch (error) {
        // Closed while waiting: the end of the loop, not a fault in it.
        if (this.#closed !== undefined) return;
        throw error;
      }
      yield datagram;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** A datagram came; it is ours to keep. */
  put(data: Uint8Array<ArrayBuffer>, hostname: string, port: number): void {
    if (this.closed) return;
    if (this.#inbox.weight > QUEUE_BYTES) this.dropped++;
    else this.#inbox.put([data, { transport: "udp", hostname, port }]);
  }

  #transmit(
    data: Uint8Array,
    { hostname, port }: { hostname: string; port: number },
  ): Promise<void> | void {
    if (this.closed) throw this.#fault("send from");
    return this.transmit(data, hostname, port);
  }

  async #hold(
    sending: Promise<void>,
    to: { hostname: string; port: number },
  ): Promise<void> {
    const settled = sending.then(() => {}, () => {});
    this.#sending = settled;
    try {
      await sending;
    } catch (error) {
      throw this.#explain(error, to);
    } finally {
      if (this.#sending === settled) this.#sending = undefined;
    }
  }

  #refuse(
    data: Uint8Array,
    to: { hostname: string; port: number },
  ): Error | undefined {
    if (!(data instanceof Uint8Array)) {
      return new TypeError(
        `Cannot send ${typeof data}: expected Uint8Array or string`,
      );
    }
    if (typeof to?.hostname !== "string" || to.hostname === "") {
      return new TypeError(`Invalid hostname "${to?.hostname}"`);
    }
    const { port } = to;
    if (typeof port !== "number") {
      return new TypeError(`Invalid port "${port}": expected a number`);
    }
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      return new RangeError(
        `Invalid port ${port}: expected an integer from 1 to 65535`,
      );
    }
    if (this.closed) return this.#fault("send from");
    if (data.length > LARGEST) {
      return fault("EMSGSIZE", `Cannot send ${data.length} bytes`);
    }
    const six = (hostname: string) => hostname.includes(":");
    if (
      isAddress(to.hostname) && six(to.hostname) !== six(this.addr.hostname)
    ) {
      // An IPv6 socket on all addresses speaks IPv4 as well.
      if (this.addr.hostname === "::") return;
      return fault("EAFNOSUPPORT", cannotSend(to));
    }
  }

  #explain(error: unknown, to: { hostname: string; port: number }): Error {
    return this.closed
      ? this.#fault("send from")
      : toFault(error, cannotSend(to));
  }

  #fault(doing: string): Error {
    return fault("EBADF", `Cannot ${doing} ${formatAddress(this.addr)}`);
  }
}

function cannotSend({ hostname, port }: { hostname: string; port: number }) {
  const to = formatAddress({ transport: "udp", hostname, port });
  return `Cannot send to ${to}`;
}

/** Whether it is an IP address, not a name. */
export function isAddress(hostname: string): boolean {
  return /^[\d.]+$|:/.test(hostname);
}
