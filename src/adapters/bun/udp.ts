import type { NetAddress } from "../../socket.ts";
import { BaseDatagramSocket } from "../../net/datagram_socket.ts";

/** The parts of Bun's UDP that are used here. */
interface BunRuntime {
  udpSocket(options: object): Promise<BunUdp>;
}

interface BunUdp {
  readonly address: { address: string; port: number };
  /** False when the kernel has no room: nothing was sent, `drain` follows. */
  send(data: Uint8Array, port: number, hostname: string): boolean;
  setBroadcast(enable: boolean): boolean;
  close(): void;
}

const { Bun } = globalThis as unknown as { Bun: BunRuntime };

/** What an ICMP message about an earlier datagram leaves for the next call. */
const LEFT_BY_ICMP = [
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETDOWN",
  "ENOPROTOOPT",
  "EPROTO",
];

class BunDatagramSocket extends BaseDatagramSocket {
  addr: NetAddress<"udp"> = { transport: "udp", hostname: "", port: 0 };
  #socket: BunUdp | undefined;
  /** Sends that wait for the kernel to have room. */
  #room = Promise.withResolvers<void>();

  async open(hostname: string, port: number): Promise<this> {
    this.#socket = await Bun.udpSocket({
      hostname: await resolve(hostname),
      port,
      binaryType: "uint8array",
      socket: {
        data: (
          _: BunUdp,
          data: Uint8Array<ArrayBuffer>,
          port: number,
          hostname: string,
        ) => this.put(data, hostname, port),
        drain: () => this.#drained(),
        // An ICMP refusal, of a datagram that nobody can name any more.
        error: () => {},
      },
    });
    // As on Deno, where it cannot be turned off.
    this.#socket.setBroadcast(true);
    const { address } = this.#socket;
    this.addr = {
      transport: "udp",
      hostname: address.address,
      port: address.port,
    };
    return this;
  }

  protected transmit(
    data: Uint8Array,
    hostname: string,
    port: number,
    named: boolean,
  ): Promise<void> | void {
    if (named) return this.#sendToName(data, hostname, port);
    if (!this.#send(data, hostname, port)) {
      return this.#sendWithRoom(data, hostname, port);
    }
  }

  async #sendToName(
    data: Uint8Array,
    name: string,
    port: number,
  ): Promise<void> {
    // A socket on all addresses of IPv6 speaks IPv4 as well.
    const own = this.addr.hostname;
    const family = own === "::" ? 0 : own.includes(":") ? 6 : 4;
    await this.#sendWithRoom(data, await resolve(name, family), port);
  }

  async #sendWithRoom(
    data: Uint8Array,
    hostname: string,
    port: number,
  ): Promise<void> {
    while (!this.#send(data, hostname, port)) {
      await this.#room.promise;
      if (this.closed) throw new Error("The socket is closed");
    }
  }

  /** Bun reports a refusal by one peer at the next send, to whichever peer. */
  #send(data: Uint8Array, hostname: string, port: number): boolean {
    for (let attempt = 1;; attempt++) {
      try {
        return this.#socket!.send(data, port, hostname);
      } catch (error) {
        const { code } = error as { code: string };
        if (attempt <= 3 && LEFT_BY_ICMP.includes(code)) continue;
        // Digits and dots, or colons, but no address.
        if (code !== "ERR_INVALID_ARG_TYPE") throw error;
        throw Object.assign(new Error("Invalid address", { cause: error }), {
          code: "ENOTFOUND",
        });
      }
    }
  }

  #drained(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  protected release(): void {
    this.#socket?.close();
    this.#drained();
  }
}

async function resolve(
  hostname: string,
  family: 0 | 4 | 6 = 0,
): Promise<string> {
  const { lookup } = await import("node:dns/promises");
  return (await lookup(hostname, { family })).address;
}

/** Binds a UDP socket on Bun. */
export function bindUdp(
  { hostname, port }: NetAddress<"udp">,
): Promise<BaseDatagramSocket> {
  return new BunDatagramSocket().open(hostname, port);
}
