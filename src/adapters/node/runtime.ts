import type { Adapter } from "../../net/adapter.ts";
import { socketError } from "../../net/socket_error.ts";
import { formatAddress, type UnixAddress } from "../../socket.ts";
import type { NetAddress } from "../../socket.ts";

/** The oldest version that keeps the promises of the interface. */
const OLDEST_VERSION = 24;

const { process } = globalThis as {
  process?: { versions: { node?: string; deno?: string; bun?: string } };
};

/**
 * The interface on Node's own sockets. Its modules are imported by the first
 * call: on other runtimes nothing of them is loaded.
 */
export const node: Adapter = {
  // Deno and Bun give a version of Node as well, and come first in `open.ts`.
  isCurrent: process?.versions?.node !== undefined,

  async listen(options, queue) {
    checkVersion("listen on", options);
    const { listen } = await import("./listener.ts");
    return await listen(options, queue);
  },

  async connect(options) {
    checkVersion("connect to", options);
    const { connect } = await import("./connect.ts");
    return await connect(options);
  },

  async bind(address, queue) {
    checkVersion("bind", address);
    const { bindUdp } = await import("./udp.ts");
    return await bindUdp(address, queue);
  },
};

function checkVersion(
  call: string,
  address: Pick<NetAddress, "transport" | "hostname" | "port"> | UnixAddress,
): void {
  const version = process?.versions.node ?? "";
  if (Number.parseInt(version) >= OLDEST_VERSION) return;
  throw socketError(
    "ENOTSUP",
    `Cannot ${call} ${formatAddress(address)}`,
    undefined,
    `needs Node.js ${OLDEST_VERSION} or later, this is ${version}`,
  );
}
