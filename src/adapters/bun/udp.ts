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

class BunDatagramHandle implements DatagramHandle {
  readonly addr: NetAddress<"udp">;
  readonly #socket: BunUdpSocket;
  #isClosed = false;
  /** Resolves when the kernel has room again. */
  #room = Promise.withResolvers<void>();

  constructor(socket: BunUdpSocket) {
    const { address: hostname, port } = socket.address;
    this.addr = { transport: "udp", hostname, port };
    this.#socket = socket;
  }

  onDrain(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  send(
    data: Uint8Array,
    hostname: string,
    port: number,
    isName: boolean,
  ): Promise<void> | void {
    if (isName) return this.#sendToName(data, hostname, port);
    if (!this.#sendNow(data, hostname, port)) {
      return this.#sendWithRoom(data, hostname, port);
    }
  }

  joinMulticast(group: string, on?: MulticastInterface): void {
    this.#socket.addMembership(group, on?.address);
  }

  leaveMulticast(group: string, on?: MulticastInterface): void {
    this.#socket.dropMembership(group, on?.address);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.close();
    this.onDrain();
  }

  async #sendToName(
    data: Uint8Array,
    name: string,
    port: number,
  ): Promise<void> {
    const address = await resolveName(name, this.addr.hostname);
    await this.#sendWithRoom(data, address, port);
  }

  async #sendWithRoom(
    data: Uint8Array,
    hostname: string,
    port: number,
  ): Promise<void> {
    while (!this.#sendNow(data, hostname, port)) {
      await this.#room.promise;
      if (this.#isClosed) throw new Error("The socket is closed");
    }
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
