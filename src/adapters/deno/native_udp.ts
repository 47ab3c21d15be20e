// UDP on Deno with `--unstable-net`.
import type { DatagramHandle } from "../../net/adapter.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import { type MulticastInterface, noInterface } from "../../net/multicast.ts";
import { withErrorCode } from "../../net/socket_error.ts";
import type { NetAddress } from "../../socket.ts";
import { Deno, type DenoMembership, type DenoUdpSocket } from "./api.ts";

/** Binds a UDP socket by `Deno.listenDatagram`. */
export async function bindNativeUdp(
  { hostname, port }: NetAddress<"udp">,
  queue: DatagramQueue,
): Promise<DatagramHandle> {
  const socket = await Deno.listenDatagram?.({
    transport: "udp",
    hostname,
    port,
    // Deno alone has it off by default.
    loopback: true,
  });
  if (socket === undefined) throw new Error("Deno.listenDatagram is missing");
  return new NativeDatagramHandle(socket, queue);
}

class NativeDatagramHandle implements DatagramHandle {
  readonly addr: NetAddress<"udp">;
  readonly #socket: DenoUdpSocket;
  readonly #queue: DatagramQueue;
  readonly #receiving: Promise<void>;
  /** Resolves when the last reply is out, or has failed. */
  #replying: Promise<void> | undefined;
  /** What was joined, by group and interface, to leave it. */
  readonly #memberships = new Map<string, DenoMembership>();
  #isClosed = false;

  constructor(socket: DenoUdpSocket, queue: DatagramQueue) {
    const { hostname, port } = socket.addr;
    this.addr = { transport: "udp", hostname, port };
    this.#socket = socket;
    this.#queue = queue;
    this.#receiving = this.#receive();
  }

  send(data: Uint8Array, hostname: string, port: number): Promise<unknown> {
    return this.#socket.send(data, { hostname, port });
  }

  reply(
    data: Uint8Array,
    hostname: string,
    port: number,
    done: (error?: unknown) => void,
  ): void {
    const previous = this.#replying;
    const sending = previous === undefined
      ? this.send(data, hostname, port)
      : previous.then(() => this.send(data, hostname, port));
    const settle = (error?: unknown) => {
      if (this.#replying === replying) this.#replying = undefined;
      done(error);
    };
    const replying = sending.then(() => settle(), settle);
    this.#replying = replying;
  }

  async joinMulticast(group: string, on?: MulticastInterface): Promise<void> {
    const membership = await this.#join(group, on);
    this.#memberships.set(membershipKey(group, on), membership);
  }

  async leaveMulticast(group: string, on?: MulticastInterface): Promise<void> {
    const key = membershipKey(group, on);
    const membership = this.#memberships.get(key);
    if (membership === undefined) {
      throw withErrorCode(new Error("Not joined"), "EADDRNOTAVAIL");
    }
    await membership.leave();
    this.#memberships.delete(key);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#socket.close();
    // The receive under way keeps the address until it has been cancelled.
    await this.#receiving;
  }

  async #join(group: string, on?: MulticastInterface): Promise<DenoMembership> {
    try {
      if (!group.includes(":")) {
        const address = on?.address ?? "0.0.0.0";
        return await this.#socket.joinMulticastV4(group, address);
      }
      // 0 would be the default interface.
      if (on?.index === 0) throw noInterface();
      return await this.#socket.joinMulticastV6(group, on?.index ?? 0);
    } catch (error) {
      // Deno has no code for it.
      throw /No such device/.test(`${error}`) ? noInterface(error) : error;
    }
  }

  /** Receives ahead, as the other UDP sockets do, so that drops are counted. */
  async #receive(): Promise<void> {
    const queue = this.#queue;
    const buffer = new Uint8Array(65536);
    while (!this.#isClosed) {
      try {
        const [data, from] = await this.#socket.receive(buffer);
        const isBorrowed = queue.isBorrowed && queue.onDatagram !== undefined;
        queue.put(isBorrowed ? data : data.slice(), from.hostname, from.port);
        // The reply goes out of the buffer.
        if (isBorrowed && this.#replying) await this.#replying;
      } catch {
        // Closed; or an error of one datagram, which is skipped. The pause
        // keeps an error that lasts from blocking the event loop.
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
  }
}

function membershipKey(group: string, on?: MulticastInterface): string {
  return `${group} ${on?.address ?? ""}`;
}
