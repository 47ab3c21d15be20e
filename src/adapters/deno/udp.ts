import type { DatagramHandle } from "../../net/adapter.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import type { NetAddress } from "../../socket.ts";
import { Deno, type DenoUdpSocket } from "./api.ts";
import { chooseAddress, chooseAddressFor } from "./names.ts";
import { bindNodeUdp } from "./node_udp.ts";

/** Binds a UDP socket on Deno. */
export async function bindUdp(
  { hostname, port }: NetAddress<"udp">,
  queue: DatagramQueue,
): Promise<DatagramHandle> {
  const address = await chooseAddress(hostname, port);
  if (Deno.listenDatagram === undefined) {
    return await bindNodeUdp(address, port, queue);
  }
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: address,
    port,
  });
  return new DenoDatagramHandle(socket, queue);
}

class DenoDatagramHandle implements DatagramHandle {
  readonly addr: NetAddress<"udp">;
  readonly #socket: DenoUdpSocket;
  readonly #queue: DatagramQueue;
  readonly #receiving: Promise<void>;
  #isClosed = false;

  constructor(socket: DenoUdpSocket, queue: DatagramQueue) {
    const { hostname, port } = socket.addr;
    this.addr = { transport: "udp", hostname, port };
    this.#socket = socket;
    this.#queue = queue;
    this.#receiving = this.#receive();
  }

  async send(
    data: Uint8Array,
    hostname: string,
    port: number,
    isName: boolean,
  ): Promise<void> {
    const to = isName
      ? await chooseAddressFor(this.addr, hostname, port)
      : hostname;
    await this.#socket.send(data, { hostname: to, port });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#socket.close();
    // The receive under way keeps the address until it has been cancelled.
    await this.#receiving;
  }

  /** Receives ahead, as the other UDP sockets do, so that drops are counted. */
  async #receive(): Promise<void> {
    const buffer = new Uint8Array(65536);
    while (!this.#isClosed) {
      try {
        const [data, from] = await this.#socket.receive(buffer);
        this.#queue.put(data.slice(), from.hostname, from.port);
      } catch {
        // Closed; or an error of one datagram, which is skipped. The pause
        // keeps an error that lasts from blocking the event loop.
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
  }
}
