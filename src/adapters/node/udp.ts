import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIP, isIPv4 } from "node:net";
import type { DatagramHandle } from "../../net/adapter.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import { sendingFamily } from "../../net/resolve.ts";
import type { NetAddress } from "../../socket.ts";
import { addressOf } from "./names.ts";

/** Binds a UDP socket by `node:dgram`. */
export async function bindUdp(
  { hostname, port }: NetAddress<"udp">,
  queue: DatagramQueue,
): Promise<DatagramHandle> {
  const isIPv6 = hostname.includes(":");
  const socket = createSocket({
    type: isIPv6 ? "udp6" : "udp4",
    lookup(name, _, done) {
      // An IPv6 socket on all addresses speaks IPv4 as well.
      const found = (address: string) => {
        const mapped = isIPv6 && isIPv4(address)
          ? `::ffff:${address}`
          : address;
        done(null, mapped, isIPv6 ? 6 : 4);
      };
      // Without a turn of the event loop for an address, which is the rule.
      if (isIP(name) && !name.includes("%")) found(name);
      else {
        addressOf(name, sendingFamily(hostname))
          .then(found, (error) => done(error, "", 0));
      }
    },
  });
  const bound = once(socket, "listening");
  socket.bind({ address: hostname, port });
  try {
    await bound;
    socket.setBroadcast(true);
  } catch (error) {
    socket.close();
    throw error;
  }
  return new NodeDatagramHandle(socket, queue);
}

class NodeDatagramHandle implements DatagramHandle {
  readonly addr: NetAddress<"udp">;
  readonly #socket: Socket;

  constructor(socket: Socket, queue: DatagramQueue) {
    const { address: hostname, port } = socket.address();
    this.addr = { transport: "udp", hostname, port };
    this.#socket = socket;
    socket.on("message", (data, { address, port }) => {
      // A copy where the buffer is larger than what came.
      queue.put(new Uint8Array(data), address, port);
    });
    // An ICMP refusal of a datagram that cannot be named any more.
    socket.on("error", () => {});
  }

  send(data: Uint8Array, hostname: string, port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.send(data, port, hostname, (error) => {
      if (error) reject(error);
      else resolve();
    });
    return promise;
  }

  async close(sending: Promise<void> | undefined): Promise<void> {
    // What is under way would be lost.
    await sending;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.close(() => resolve());
    await promise;
  }
}
