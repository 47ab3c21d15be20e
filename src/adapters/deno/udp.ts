import type { DatagramHandle, SendReply } from "../../net/adapter.ts";
import { endpointOf } from "../../net/address.ts";
import type { CheckedBind } from "../../net/checked_options.ts";
import type { DatagramQueue } from "../../net/datagram_queue.ts";
import type { MulticastInterface } from "../../net/multicast.ts";
import { socketError } from "../../net/socket_error.ts";
import type { NetAddress } from "../../socket.ts";
import { Deno } from "./api.ts";
import { chooseAddress, chooseAddressFor } from "./names.ts";
import { bindNativeUdp } from "./native_udp.ts";
import { bindNodeUdp } from "./node_udp.ts";

/** Binds a UDP socket on Deno. */
export async function bindUdp(
  options: CheckedBind,
  queue: DatagramQueue,
): Promise<DatagramHandle> {
  const hostname = await chooseAddress(options.hostname, options.port);
  const { reuseAddress, multicastTtl = 1, multicastLoopback = true } = options;
  // node:dgram on Deno sets that of IPv4 only, without an error.
  if (hostname.includes(":") && multicastTtl !== 1) {
    const call = { syscall: "bind", address: endpointOf(options) } as const;
    const remedy = "Deno cannot set multicastTtl for IPv6, omit it";
    throw socketError("ENOTSUP", call, undefined, remedy);
  }
  // Deno's own socket has these options for members of a group only.
  const isNative = Deno.listenDatagram !== undefined && !reuseAddress &&
    multicastTtl === 1 && multicastLoopback;
  const bindTo = isNative ? bindNativeUdp : bindNodeUdp;
  return new DenoDatagramHandle(await bindTo({ ...options, hostname }, queue));
}

/** Chooses the address of a name, for either kind of socket. */
class DenoDatagramHandle implements DatagramHandle {
  readonly addr: NetAddress<"udp">;
  /** Deno sends what is under way at once in the reverse order. */
  readonly isUnordered = true;
  readonly reply: SendReply | undefined;
  readonly #socket: DatagramHandle;

  constructor(socket: DatagramHandle) {
    this.addr = socket.addr;
    this.reply = socket.reply?.bind(socket);
    this.#socket = socket;
  }

  send(
    data: Uint8Array,
    hostname: string,
    port: number,
    isName: boolean,
  ): Promise<unknown> | void {
    return isName
      ? this.#sendToName(data, hostname, port)
      : this.#socket.send(data, hostname, port, false);
  }

  joinMulticast(group: string, on?: MulticastInterface): Promise<void> | void {
    return this.#socket.joinMulticast(group, on);
  }

  leaveMulticast(group: string, on?: MulticastInterface): Promise<void> | void {
    return this.#socket.leaveMulticast(group, on);
  }

  close(sending: Promise<unknown> | undefined): Promise<void> | void {
    return this.#socket.close(sending);
  }

  async #sendToName(
    data: Uint8Array,
    name: string,
    port: number,
  ): Promise<void> {
    const address = await chooseAddressFor(this.addr, name, port);
    await this.#socket.send(data, address, port, false);
  }
}
