import type { DatagramHandle } from "../../net/adapter.ts";
import type { CheckedBind } from "../../net/checked_options.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import {
  type MulticastInterface,
  setDatagramOptions,
} from "../../net/multicast.ts";
import { withErrorCode } from "../../net/socket_error.ts";
import { resolveOne, sendingFamily } from "../../net/resolve.ts";
import type { NetAddress } from "../../socket.ts";
import { Bun, type BunUdpSocket } from "./api.ts";
import { correctError } from "./errno.ts";

/** Errors that an ICMP message about an earlier datagram leaves behind. */
const LEFT_BY_ICMP = [
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETDOWN",
  "ENOPROTOOPT",
  "EPROTO",
];

/** `SO_REUSEADDR`, as Bun's `node:dgram` sets it. */
const REUSE_ADDRESS = 16;

/** Binds a UDP socket on Bun. */
export async function bindUdp(
  options: CheckedBind,
  queue: DatagramQueue,
): Promise<DatagramHandle> {
  // `drain` and `data` come only once the socket is there.
  let handle: BunDatagramHandle | undefined;
  const socket = await Bun.udpSocket({
    hostname: await resolveOne(options.hostname),
    port: options.port,
    flags: options.reuseAddress ? REUSE_ADDRESS : 0,
    binaryType: "uint8array",
    socket: {
      data: (
        _: BunUdpSocket,
        data: Uint8Array<ArrayBuffer>,
        port: number,
        hostname: string,
      ) => queue.put(data, hostname, port),
      drain: () => handle?.onDrain(),
      // An ICMP refusal of a datagram that cannot be named any more.
      error: () => {},
    },
  });
  setDatagramOptions(socket, options);
  return handle = new BunDatagramHandle(socket);
}

/** A datagram that waits for the end of the turn, or for room in the kernel. */
interface WaitingSend {
  readonly data: Uint8Array;
  readonly hostname: string;
  readonly port: number;
  readonly done: (error?: unknown) => void;
}

/** Most datagrams given to the kernel at a time. */
const MOST_AT_ONCE = 128;
/** From this many on, `sendMany` costs less than a `send` for each. */
const WORTHWHILE = 4;
/** Replies sent at once before the next try to collect some. */
const BETWEEN_TRIES = 64;

class BunDatagramHandle implements DatagramHandle {
  readonly addr: NetAddress<"udp">;
  readonly #socket: BunUdpSocket;
  #isClosed = false;
  /** What waits, the oldest first. */
  #waiting: WaitingSend[] = [];
  /** Replies to send at once, while turns have few of them. */
  #untilTry = BETWEEN_TRIES;

  constructor(socket: BunUdpSocket) {
    const { address: hostname, port } = socket.address;
    this.addr = { transport: "udp", hostname, port };
    this.#socket = socket;
  }

  /** Sends what waits, until the kernel has no room. */
  onDrain(): void {
    while (this.#waiting.length > 0) {
      const sends = this.#waiting.slice(0, MOST_AT_ONCE);
      const sent = this.#sendMany(sends);
      // Before `done`, which may reply or close.
      this.#waiting.splice(0, Math.max(sent, 1));
      for (let i = 0; i < sent; i++) sends[i].done();
      if (sent > 0) continue;
      // By itself, the first one says why it does not go out.
      const [first] = sends;
      if (this.#trySend(first.data, first.hostname, first.port, first.done)) {
        continue;
      }
      this.#waiting.unshift(first);
      return;
    }
  }

  send(
    data: Uint8Array,
    hostname: string,
    port: number,
    isName: boolean,
  ): Promise<void> | void {
    if (isName) return this.#sendToName(data, hostname, port);
    // None may overtake those that wait.
    if (this.#waiting.length === 0 && this.#sendNow(data, hostname, port)) {
      return;
    }
    return new Promise((resolve, reject) => {
      const done = (error?: unknown) => error ? reject(error) : resolve();
      // The caller may transfer or resize it meanwhile.
      const copy = new Uint8Array(data);
      this.#waiting.push({ data: copy, hostname, port, done });
    });
  }

  reply(
    data: Uint8Array,
    hostname: string,
    port: number,
    done: (error?: unknown) => void,
  ): void {
    if (this.#waiting.length === 0) {
      if (this.#untilTry > 0) {
        this.#untilTry--;
        if (this.#trySend(data, hostname, port, done)) return;
      } else setImmediate(this.#endTurn);
    }
    this.#waiting.push({ data, hostname, port, done });
  }

  joinMulticast(group: string, on?: MulticastInterface): void {
    this.#socket.addMembership(group, on?.address);
  }

  leaveMulticast(group: string, on?: MulticastInterface): void {
    this.#socket.dropMembership(group, on?.address);
  }

  close(): void {
    if (!this.#isClosed) this.onDrain();
    this.#isClosed = true;
    this.#socket.close();
    for (const { done } of this.#waiting.splice(0)) {
      done(new Error("The socket is closed"));
    }
  }

  #endTurn = (): void => {
    if (this.#waiting.length < WORTHWHILE) this.#untilTry = BETWEEN_TRIES;
    this.onDrain();
  };

  /** Returns how many went out before one that did not. */
  #sendMany(sends: readonly WaitingSend[]): number {
    const packets = [];
    for (const { data, port, hostname } of sends) {
      packets.push(data, port, hostname);
    }
    try {
      return this.#socket.sendMany(packets);
    } catch {
      // Of the first.
      return 0;
    }
  }

  /** Sends one by itself, or fails to; returns false if there is no room. */
  #trySend(
    data: Uint8Array,
    hostname: string,
    port: number,
    done: (error?: unknown) => void,
  ): boolean {
    try {
      if (!this.#sendNow(data, hostname, port)) return false;
    } catch (error) {
      done(error);
      return true;
    }
    done();
    return true;
  }

  async #sendToName(
    data: Uint8Array,
    name: string,
    port: number,
  ): Promise<void> {
    const address = await resolveName(name, this.addr.hostname);
    if (this.#isClosed) throw new Error("The socket is closed");
    await this.send(data, address, port, false);
  }

  /** Bun reports a refusal by one peer at the next send, to whichever peer. */
  #sendNow(data: Uint8Array, hostname: string, port: number): boolean {
    for (let attempt = 1;; attempt++) {
      try {
        return this.#socket.send(data, port, hostname);
      } catch (error) {
        const { code } = error as { code: string };
        if (attempt <= 3 && LEFT_BY_ICMP.includes(code)) continue;
        // Colons, but no address.
        if (code !== "ERR_INVALID_ARG_TYPE") throw error;
        throw withErrorCode(
          new Error("Invalid address", { cause: error }),
          "ENOTFOUND",
        );
      }
    }
  }
}

async function resolveName(name: string, own: string): Promise<string> {
  try {
    return await resolveOne(name, sendingFamily(own));
  } catch (error) {
    throw await correctError(error);
  }
}
