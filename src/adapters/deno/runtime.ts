import type {
  AcceptQueue,
  Adapter,
  ListenerHandle,
} from "../../net/adapter.ts";
import {
  type CheckedConnect,
  type CheckedTcpListen,
  type CheckedUnixListen,
  hasLocal,
} from "../../net/checked_options.ts";
import { endpointOf, unixAddress } from "../../net/address.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { resolve } from "../../net/resolve.ts";
import { socketError } from "../../net/socket_error.ts";
import { listenOnSocketFile } from "../../net/socket_file.ts";
import { isSocketInUse } from "../../net/socket_in_use.ts";
import { checkCertificates } from "../node/certificates.ts";
import { Deno, isGranted } from "./api.ts";
import { DenoListenerHandle } from "./listener.ts";
import { chooseAddress, correctError } from "./names.ts";
import { toConnection } from "./connection.ts";
import { copyAddress, setTcpOptions } from "./socket.ts";
import { clientHandshake, serverHandshakes } from "./tls.ts";
import { bindUdp } from "./udp.ts";

/** The interface on Deno's own sockets. */
export const deno: Adapter = {
  isCurrent: Deno !== undefined,

  listen: (options, queue) =>
    corrected(
      options.transport === "unix"
        ? listenUnix(options, queue)
        : listenTcp(options, queue),
    ),

  connect: (options) => corrected(connectSocket(options)),

  checkCertificates,

  bind: (options, queue) => corrected(bindUdp(options, queue)),

  // `process.stderr`, as `console.error`, blocks while a pipe is not read.
  async writeError(data) {
    for (let at = 0; at < data.length;) {
      at += await Deno.stderr.write(data.subarray(at));
    }
  },

  canListInterfaces: () =>
    isGranted({ name: "sys", kind: "networkInterfaces" }),
};

async function corrected<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw correctError(error);
  }
}

/** Deno tries the addresses of a name one after the other, as RFC 8305 has it. */
async function connectSocket(
  options: CheckedConnect,
): Promise<SocketConnection> {
  const isUnix = options.transport === "unix";
  if (!isUnix && (options.keepAliveDelay > 0 || hasLocal(options))) {
    // Deno's own sockets leave these to the system.
    const { connect } = await import("../node/connect.ts");
    return await connect(options, await resolve(options.hostname));
  }
  const handshake = isUnix || options.tls === undefined
    ? undefined
    : await clientHandshake(options, options.tls);
  const socket = await Deno.connect({ ...options });
  setTcpOptions(socket, options);
  if (handshake !== undefined) return await handshake(socket);
  const local = copyAddress(socket.localAddr);
  const remote = isUnix
    ? unixAddress(options.path)
    : copyAddress(socket.remoteAddr);
  return toConnection(socket, local, remote);
}

async function listenTcp(
  options: CheckedTcpListen,
  queue: AcceptQueue,
): Promise<ListenerHandle> {
  const { hostname, port, backlog: tcpBacklog, reusePort, tls } = options;
  // Without the flag Deno ends the process instead of throwing.
  if (reusePort && Deno.listenDatagram === undefined) {
    const remedy = "reusePort needs `deno run --unstable-net`";
    const address = endpointOf(options);
    const call = { syscall: "listen", address } as const;
    throw socketError("ENOTSUP", call, undefined, remedy);
  }
  const address = await chooseAddress(hostname, port);
  if (options.keepAliveDelay > 0) {
    const { listen } = await import("../node/listener.ts");
    return await listen({ ...options, hostname: address }, queue);
  }
  const handshakes = tls && await serverHandshakes(tls, queue);
  const transport = "tcp";
  const where = { transport, hostname: address, port, reusePort, tcpBacklog };
  const listener = Deno.listen(where);
  return new DenoListenerHandle(listener, options, queue, handshakes);
}

function listenUnix(
  options: CheckedUnixListen,
  queue: AcceptQueue,
): Promise<ListenerHandle> {
  const { transport, path } = options;
  const canRead = (path: string) => isGranted({ name: "read", path });
  return listenOnSocketFile(options, {
    listen: (bound) => {
      const listener = Deno.listen({ transport, path: bound });
      return new DenoListenerHandle(listener, options, queue, undefined, path);
    },
    isOpen: (file) =>
      isSocketInUse(
        file,
        async () => (await Deno.connect({ transport, path: file })).close(),
        canRead,
      ),
    mayUse: (path) =>
      canRead(path) && isGranted({ name: "write", path }) &&
      isGranted({ name: "net", host: `unix:${path}` }),
  });
}
