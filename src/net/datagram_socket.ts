import { checkInteger, isAddress } from "./validate.ts";
import {
  type AbortOptions,
  type DatagramSocket,
  formatAddress,
  type NetAddress,
} from "../socket.ts";
import { fault, toFault } from "./socket_error.ts";
import { Inbox } from "./wait_queue.ts";

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
  /** The last hostname that proved to be an address of our family. */
  #address: string | undefined;

  /**
   * Sends one datagram, to an address or to a name; no promise where the
   * runtime took it at once.
   */
  protected abstract transmit(
    data: Uint8Array,
    hostname: string,
    port: number,
    named: boolean,
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
    try {
      const { hostname, port } = to;
      const bytes = typeof data === "string" ? encoder.encode(data) : data;
      checkDatagram(bytes);
      checkInteger("port", port, 1, 65535);
      const checked = hostname === this.#address
        ? hostname
        : this.#checkHostname(hostname, port);
      return this.#transmit(bytes, checked, port) ?? DONE;
    } catch (error) {
      return Promise.reject(error);
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
    hostname: string,
    port: number,
  ): Promise<void> | void {
    const named = hostname !== this.#address;
    try {
      if (this.closed) throw this.#fault("send from");
      // Deno sends what is under way at once in the reverse order.
      const sending = this.#sending === undefined
        ? this.transmit(data, hostname, port, named)
        : this.#sending.then(() => {
          if (this.closed) throw this.#fault("send from");
          return this.transmit(data, hostname, port, named);
        });
      if (sending !== undefined) return this.#hold(sending, hostname, port);
    } catch (error) {
      throw this.#explain(error, hostname, port);
    }
  }

  async #hold(
    sending: Promise<void>,
    hostname: string,
    port: number,
  ): Promise<void> {
    const settled = sending.then(() => {}, () => {});
    this.#sending = settled;
    try {
      await sending;
    } catch (error) {
      throw this.#explain(error, hostname, port);
    } finally {
      if (this.#sending === settled) this.#sending = undefined;
    }
  }

  /** Checks where a datagram goes; addresses are often those of the last one. */
  #checkHostname(hostname: string, port: number): string {
    if (typeof hostname !== "string" || hostname === "") {
      throw new TypeError(
        `Invalid hostname "${hostname}": expected a name or an IP address`,
      );
    }
    // As URLs write IPv6.
    const to = hostname.replace(/^\[(.*)\]$/, "$1");
    if (!isAddress(to)) return to;
    const own = this.addr.hostname;
    // An IPv6 socket on all addresses speaks IPv4 as well.
    if (own !== "::" && own.includes(":") !== to.includes(":")) {
      throw fault("EAFNOSUPPORT", cannotSend(to, port));
    }
    return this.#address = to;
  }

  #explain(error: unknown, hostname: string, port: number): Error {
    return this.closed
      ? this.#fault("send from")
      : toFault(error, cannotSend(hostname, port));
  }

  #fault(doing: string): Error {
    return fault("EBADF", `Cannot ${doing} ${formatAddress(this.addr)}`);
  }
}

function checkDatagram(data: Uint8Array): void {
  if (!(data instanceof Uint8Array)) {
    throw new TypeError(
      `Cannot send ${typeof data}: expected Uint8Array or string`,
    );
  }
  if (data.length > LARGEST) {
    throw fault("EMSGSIZE", `Cannot send ${data.length} bytes`);
  }
}

function cannotSend(hostname: string, port: number): string {
  const to = formatAddress({ transport: "udp", hostname, port });
  return `Cannot send to ${to}`;
}
