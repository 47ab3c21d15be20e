import type { Adapter } from "../../net/adapter.ts";
import { endpointOf } from "../../net/address.ts";
import { socketError } from "../../net/socket_error.ts";
import type { Address } from "../../socket.ts";
import { addressesOf, addressOf } from "./names.ts";

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
    checkVersion("listen", options);
    const { listen } = await import("./listener.ts");
    if (options.transport === "unix") return await listen(options, queue);
    const hostname = await addressOf(options.hostname);
    return await listen({ ...options, hostname }, queue);
  },

  async connect(options) {
    checkVersion("connect", options);
    const { connect } = await import("./connect.ts");
    if (options.transport === "unix") return await connect(options);
    return await connect(options, await addressesOf(options.hostname));
  },

  async checkCertificates(tls) {
    const { checkCertificates } = await import("./certificates.ts");
    await checkCertificates(tls);
  },

  async bind(options, queue) {
    checkVersion("bind", options);
    const { bindUdp } = await import("./udp.ts");
    const hostname = await addressOf(options.hostname);
    return await bindUdp({ ...options, hostname }, queue);
  },
};

function checkVersion(
  syscall: "listen" | "connect" | "bind",
  options: Address,
): void {
  const version = process?.versions.node ?? "";
  if (Number.parseInt(version) >= OLDEST_VERSION) return;
  throw socketError(
    "ENOTSUP",
    { syscall, address: endpointOf(options) },
    undefined,
    `needs Node.js ${OLDEST_VERSION} or later, this is ${version}`,
  );
}
