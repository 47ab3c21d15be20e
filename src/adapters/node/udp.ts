import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIP, isIPv4 } from "node:net";
import type { DatagramHandle } from "../../net/adapter.ts";
import type { CheckedBind } from "../../net/checked_options.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import { setDatagramOptions } from "../../net/multicast.ts";
import { sendingFamily } from "../../net/resolve.ts";
import { NodeDatagramHandle } from "./datagram_handle.ts";
import { addressOf } from "./names.ts";

/** Binds a UDP socket by `node:dgram`. */
export async function bindUdp(
  options: CheckedBind,
  queue: DatagramQueue,
): Promise<DatagramHandle> {
  const { hostname, port, reuseAddress } = options;
  const isIPv6 = hostname.includes(":");
  const socket = createSocket({
    type: isIPv6 ? "udp6" : "udp4",
    reuseAddr: reuseAddress,
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
    setDatagramOptions(socket, options);
  } catch (error) {
    socket.close();
    throw error;
  }
  return new NodeDatagramHandle(socket, queue);
}
