// The file imports types alone, for it is loaded on Deno, too.
import type { Socket } from "node:dgram";
import type { DatagramHandle } from "../../net/adapter.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import type { MulticastInterface } from "../../net/multicast.ts";
import type { NetAddress } from "../../socket.ts";

/** A bound socket of `node:dgram`; its `lookup` resolves names. */
export class NodeDatagramHandle implements DatagramHandle {
  readonly addr: NetAddress<"udp">;
  readonly #socket: Socket;
  #underWay = 0;
  /** Called when no send is under way any more. */
  #onIdle: (() => void) | undefined;

  constructor(socket: Socket, queue: DatagramQueue) {
    const { address: hostname, port } = socket.address();
    this.addr = { transport: "udp", hostname, port };
    this.#socket = socket;
    socket.on("message", (data, { address, port }) => {
      // A copy where the buffer is larger than what came: 64 KiB on Deno.
      queue.put(new Uint8Array(data), address, port);
    });
    // An ICMP refusal of a datagram that cannot be named any more.
    socket.on("error", () => {});
  }

  send(data: Uint8Array, hostname: string, port: number): Promise<void> {
    return new Promise((resolve, reject) =>
      this.reply(
        data,
        hostname,
        port,
        (error) => error ? reject(error) : resolve(),
      )
    );
  }

  reply(
    data: Uint8Array,
    hostname: string,
    port: number,
    done: (error?: unknown) => void,
  ): void {
    this.#socket.send(data, port, hostname, (error) => {
      if (--this.#underWay === 0) this.#onIdle?.();
      done(error);
    });
    this.#underWay++;
  }

  joinMulticast(group: string, on?: MulticastInterface): void {
    this.#socket.addMembership(group, on?.address);
  }

  leaveMulticast(group: string, on?: MulticastInterface): void {
    this.#socket.dropMembership(group, on?.address);
  }

  async close(sending: Promise<unknown> | undefined): Promise<void> {
    // What is under way would be lost.
    await Promise.allSettled([sending]);
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => this.#onIdle = resolve);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.close(() => resolve());
    // Only then is the port free.
    await promise;
  }
}
