import type {
  AcceptQueue,
  Adapter,
  ListenerHandle,
} from "../../net/adapter.ts";
import type { CheckedListen } from "../../net/checked_options.ts";
import { refuseProbes } from "../../net/keep_alive.ts";
import { resolveOne } from "../../net/resolve.ts";
import { listenOnSocketFile } from "../../net/socket_file.ts";
import { Bun } from "./api.ts";
import { connectSocket } from "./connect.ts";
import { correctError } from "./errno.ts";
import { BunListener } from "./listener.ts";
import { descriptorLimit } from "./proc.ts";
import { bindUdp } from "./udp.ts";
import { isSocketOpen } from "./unix_errno.ts";

/** The interface on Bun's own sockets. */
export const bun: Adapter = {
  isCurrent: Bun !== undefined,

  listen: (options, queue) => corrected(listen(options, queue)),

  connect: (options) => corrected(connectSocket(options)),

  async checkCertificates(tls) {
    const { checkCertificates } = await import("../node/certificates.ts");
    await checkCertificates(tls);
  },

  bind: (options, queue) => corrected(bindUdp(options, queue)),
};

async function listen(
  options: CheckedListen,
  queue: AcceptQueue,
): Promise<ListenerHandle> {
  if (options.transport === "tcp") refuseProbes("listen", options);
  const limit = await descriptorLimit();
  if (options.transport === "unix") {
    return await listenOnSocketFile(options, {
      listen: (path) =>
        new BunListener({ ...options, path }, queue, limit, options.path),
      isOpen: isSocketOpen,
    });
  }
  // Of the addresses of a name Bun takes the first that is free.
  const hostname = await resolveOne(options.hostname);
  if (options.tls?.sni !== undefined) {
    // `Bun.listen` cannot choose a certificate in the handshake, and `node:tls`
    // over a stream of ours cannot half-close.
    const { listen } = await import("../node/listener.ts");
    return await listen({ ...options, hostname }, queue);
  }
  return new BunListener({ ...options, hostname }, queue, limit);
}

async function corrected<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw await correctError(error);
  }
}
