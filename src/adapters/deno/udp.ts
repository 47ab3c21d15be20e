import type { NetAddress } from "../../socket.ts";
import { BaseDatagramSocket } from "../../net/datagram_socket.ts";

/** The parts of Deno's UDP that are used here. */
interface DenoRuntime {
  /** There only with `--unstable-net`. */
  listenDatagram?(options: object): DenoUdp;
}

interface DenoUdp {
  readonly addr: NetAddress<"udp">;
  receive(into: Uint8Array<ArrayBuffer>): Promise<
    [data: Uint8Array<ArrayBuffer>, from: NetAddress<"udp">]
  >;
  send(
    data: Uint8Array,
    to: { hostname: string; port: number },
  ): Promise<number>;
  close(): void;
}

const { Deno } = globalThis as unknown as { Deno: DenoRuntime };

class DenoDatagramSocket extends BaseDatagramSocket {
  readonly addr: NetAddress<"udp">;
  readonly #socket: DenoUdp;
  readonly #receiving: Promise<void>;

  constructor(socket: DenoUdp) {
    super();
    const { hostname, port } = socket.addr;
    this.addr = { transport: "udp", hostname, port };
    this.#socket = socket;
    this.#receiving = this.#receive();
  }

  /** Receives ahead, as the other UDP sockets do, so that drops are counted. */
  async #receive(): Promise<void> {
    const buffer = new Uint8Array(65536);
    while (!this.closed) {
      try {
        const [data, from] = await this.#socket.receive(buffer);
        this.put(data.slice(), from.hostname, from.port);
      } catch {
        // Closed; or an error of one datagram, which is not to be had again.
        await undefined;
      }
    }
  }

  protected async transmit(
    data: Uint8Array,
    hostname: string,
    port: number,
  ): Promise<void> {
    await this.#socket.send(data, { hostname, port });
  }

  protected async release(): Promise<void> {
    this.#socket.close();
    // The receive under way keeps the address until it has been cancelled.
    await this.#receiving;
  }
}

/** Binds a UDP socket on Deno. */
export async function bindUdp(
  { hostname, port }: NetAddress<"udp">,
): Promise<BaseDatagramSocket> {
  if (Deno.listenDatagram === undefined) {
    const { bindNodeUdp } = await import("./node_udp.ts");
    return bindNodeUdp(hostname, port);
  }
  const where = { transport: "udp", hostname, port };
  return new DenoDatagramSocket(Deno.listenDatagram(where));
}
