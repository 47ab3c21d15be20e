import { canonicalIp } from "../ip.ts";
import type { AbortOptions, DatagramSocket, NetAddress } from "../socket.ts";
import type { DatagramHandle } from "./adapter.ts";
import { isLoopback } from "./address.ts";
import { arrayChanged } from "./bytes.ts";
import type { Datagram, DatagramQueue, OnDatagram } from "./datagram_queue.ts";
import {
  checkGroup,
  findInterface,
  multicastCall,
  multicastError,
  type MulticastVerb,
} from "./multicast.ts";
import { type Keys, ownOptions, ownSignal } from "./own_options.ts";
import { type FailedCall, socketError, toSocketError } from "./socket_error.ts";
import { checkHostname, isAddress } from "./hostname.ts";
import { checkInteger, toBytes } from "./validate_values.ts";

/** The most that IPv4 carries; IPv6 would take 20 bytes more. */
const MAX_BYTES = 65507;
/** The keys of a destination, which may be an address. */
const TO: Keys<NetAddress> = { transport: true, hostname: true, port: true };
/** Shared by every send that the runtime takes at once. */
const DONE = Promise.resolve();

/** A server's use of its socket, without a promise for each datagram. */
export interface DatagramExchange {
  /** Hands over what is queued, then each datagram as it arrives. */
  start(): void;
  /** Leaves further datagrams to the queue. */
  stop(): void;
  /**
   * Sends a reply as `sendTo` does, possibly together with others.
   *
   * @param isOurs Whether no caller can change the data.
   * @param done Called with the error, if any, at once or later.
   */
  reply(
    data: Uint8Array,
    to: NetAddress<"udp">,
    isOurs: boolean,
    done: (error?: unknown) => void,
  ): void;
}

/**
 * Has a callback called with each datagram instead of `recvFrom`. For servers,
 * not for users. A callback that borrows keeps no data but in its reply.
 */
export let exchangeDatagrams: (
  socket: DatagramSocket,
  onDatagram: OnDatagram,
  borrows: boolean,
) => DatagramExchange;

/** A UDP socket over a runtime's {@linkcode DatagramHandle} and its queue. */
export class UdpSocket implements DatagramSocket {
  readonly addr: NetAddress<"udp">;
  readonly #handle: DatagramHandle;
  readonly #queue: DatagramQueue;
  #isClosed = false;
  #closed: Promise<void> | undefined;
  /** Settles with the last send that the next one has to wait for. */
  #sending: Promise<unknown> | undefined;
  /** The last hostname that proved to be an address of our family. */
  #checkedAddress: string | undefined;

  constructor(handle: DatagramHandle, queue: DatagramQueue) {
    this.addr = handle.addr;
    this.#handle = handle;
    this.#queue = queue;
  }

  get dropped(): number {
    return this.#queue.dropped;
  }

  recvFrom(options?: AbortOptions): Promise<Datagram> {
    try {
      return this.#queue.waiting.take(ownSignal("recvFrom", options));
    } catch (error) {
      // Wrong options.
      return Promise.reject(error);
    }
  }

  sendTo(
    data: Uint8Array | string,
    to: { hostname: string; port: number },
  ): Promise<void> {
    try {
      const { hostname, port } = to;
      const bytes = toBytes(data);
      checkInteger("port", port, 1, 65535);
      const isChecked = hostname !== undefined &&
        hostname === this.#checkedAddress;
      const checked = isChecked
        ? hostname
        : this.#checkHostname(ownOptions("sendTo", to, TO).hostname, port);
      const isName = checked !== this.#checkedAddress;
      return this.#send(bytes, checked, port, isName) ?? DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  joinMulticast(group: string, interfaceAddress?: string): Promise<void> {
    return this.#setMembership("join", group, interfaceAddress);
  }

  leaveMulticast(group: string, interfaceAddress?: string): Promise<void> {
    return this.#setMembership("leave", group, interfaceAddress);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    const { addr } = this;
    this.#queue.onDatagram = undefined;
    this.#queue.waiting.close(() =>
      closedError({ syscall: "recvFrom", address: addr })
    );
    await this.#handle.close(this.#sending);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Datagram, void> {
    return this.#queue.waiting.iterate(() => this.recvFrom());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #setMembership(
    verb: MulticastVerb,
    group: string,
    interfaceAddress: string | undefined,
  ): Promise<void> {
    checkGroup(this.addr, group, interfaceAddress);
    group = canonicalIp(group);
    const call = multicastCall(verb, group, this.addr.port);
    if (this.#isClosed) throw closedError(call);
    try {
      const on = await findInterface(interfaceAddress);
      if (this.#isClosed) throw closedError(call);
      if (verb === "join") await this.#handle.joinMulticast(group, on);
      else await this.#handle.leaveMulticast(group, on);
    } catch (error) {
      throw multicastError(error, call, interfaceAddress);
    }
  }

  #send(
    data: Uint8Array,
    hostname: string,
    port: number,
    isName: boolean,
  ): Promise<void> | void {
    if (data.length > MAX_BYTES) {
      throw socketError("EMSGSIZE", sendCall(hostname, port));
    }
    const previous = this.#sending;
    const { length } = data;
    const send = () => {
      if (this.#isClosed) throw closedError(sendCall(hostname, port));
      if (data.length !== length) throw arrayChanged();
      return this.#handle.send(data, hostname, port, isName);
    };
    try {
      const sending = previous === undefined
        ? send()
        : previous.then(send, send);
      if (sending === undefined) return;
      // A name is resolved first, and would let the next ones overtake it.
      const isFirst = isName || previous !== undefined ||
        this.#handle.isUnordered === true;
      if (isFirst) this.#sending = sending;
      return this.#settle(sending, hostname, port);
    } catch (error) {
      throw this.#sendError(error, hostname, port);
    }
  }

  async #settle(
    sending: Promise<unknown>,
    hostname: string,
    port: number,
  ): Promise<void> {
    try {
      await sending;
    } catch (error) {
      throw this.#sendError(error, hostname, port);
    } finally {
      if (this.#sending === sending) this.#sending = undefined;
    }
  }

  #reply(
    data: Uint8Array,
    { hostname, port }: NetAddress<"udp">,
    isOurs: boolean,
    done: (error?: unknown) => void,
  ): void {
    // The handler may change what it returned before it goes out.
    // `slice` of a Buffer would be a view of it.
    const kept = isOurs ? data : new Uint8Array(data);
    // An address with a scope has to be looked up.
    const isName = hostname.includes("%");
    const isPlain = !isName && !this.#isClosed && kept.length <= MAX_BYTES;
    if (isPlain && this.#handle.reply !== undefined) {
      const settle = (error?: unknown) =>
        error ? done(this.#sendError(error, hostname, port)) : done();
      return this.#handle.reply(kept, hostname, port, settle);
    }
    let sending: Promise<void> | void;
    try {
      sending = this.#send(kept, hostname, port, isName);
    } catch (error) {
      return done(error);
    }
    if (sending === undefined) done();
    else sending.then(() => done(), done);
  }

  /** Returns a name, or an address of our family, without brackets. */
  #checkHostname(hostname: string, port: number): string {
    // Without one it is no destination, whereas sockets have a default.
    const to = checkHostname(hostname ?? "");
    const own = this.addr.hostname;
    const [isPlain, isIpv6] = [isAddress(to), to.includes(":")];
    // An IPv6 socket on all addresses speaks IPv4 as well.
    if (
      (isPlain || isIpv6) && own !== "::" && own.includes(":") !== isIpv6
    ) {
      throw socketError("EAFNOSUPPORT", sendCall(to, port));
    }
    // A name, and an address with a scope, have to be looked up.
    return isPlain ? this.#checkedAddress = to : to;
  }

  #sendError(error: unknown, hostname: string, port: number): Error {
    const call = sendCall(hostname, port);
    if (this.#isClosed) return closedError(call);
    const found = toSocketError(error, call);
    const own = this.addr.hostname;
    if (found.code !== "EINVAL" || !isLoopback(own)) return found;
    const all = own.includes(":") ? "::" : "0.0.0.0";
    const remedy = `a socket bound to ${own} reaches this machine only, ` +
      `bind "${all}"`;
    return socketError("EINVAL", call, error, remedy);
  }

  #exchange(onDatagram: OnDatagram, borrows: boolean): DatagramExchange {
    const queue = this.#queue;
    queue.isBorrowed = borrows;
    let isStarted = false;
    let isCatchingUp = false;
    return {
      start: () => {
        isStarted = true;
        if (isCatchingUp) return;
        isCatchingUp = true;
        for (let next; isStarted && (next = queue.waiting.shift());) {
          onDatagram(...next);
        }
        isCatchingUp = false;
        if (isStarted && !this.#isClosed) queue.onDatagram = onDatagram;
      },
      stop: () => {
        isStarted = false;
        queue.onDatagram = undefined;
      },
      reply: (data, to, isOurs, done) => this.#reply(data, to, isOurs, done),
    };
  }

  static {
    exchangeDatagrams = (socket, onDatagram, borrows) => {
      if (#exchange in socket) return socket.#exchange(onDatagram, borrows);
      throw new TypeError("Not a socket of this package");
    };
  }
}

function closedError(call: FailedCall): Error {
  return socketError("EBADF", call);
}

function sendCall(hostname: string, port: number): FailedCall {
  const address = { transport: "udp", hostname, port } as const;
  return { syscall: "sendTo", address };
}
