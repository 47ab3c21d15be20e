import type {
  AcceptQueue,
  Adapter,
  ListenerHandle,
} from "../../net/adapter.ts";
import type {
  CheckedConnect,
  CheckedTcpListen,
  CheckedUnixListen,
} from "../../net/checked_options.ts";
import { unixAddress } from "../../net/address.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { socketError } from "../../net/socket_error.ts";
import { listenOnSocketFile } from "../../net/socket_file.ts";
import { Deno } from "./api.ts";
import { DenoListenerHandle } from "./listener.ts";
import { chooseAddress, correctError } from "./names.ts";
import { copyAddress, setTcpOptions, toConnection } from "./socket.ts";
import { startTls } from "./tls.ts";
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

  bind: (address, queue) => corrected(bindUdp(address, queue)),
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
  const socket = await Deno.connect({ ...options });
  if (options.transport === "tcp" && options.tls !== undefined) {
    return await startTls(socket, options, options.tls);
  }
  const local = copyAddress(socket.localAddr);
  const remote = options.transport === "unix"
    ? unixAddress(options.path)
    : copyAddress(socket.remoteAddr);
  setTcpOptions(socket, options);
  return toConnection(socket, local, remote);
}

async function listenTcp(
  options: CheckedTcpListen,
  queue: AcceptQueue,
): Promise<ListenerHandle> {
  const { hostname, port, backlog: tcpBacklog, reusePort, keepAlive, tls } =
    options;
  const call = `Cannot listen on ${hostname}:${port}`;
  // Without the flag Deno ends the process instead of throwing.
  if (reusePort && Deno.listenDatagram === undefined) {
    const remedy = "reusePort needs `deno run --unstable-net`";
    throw socketError("ENOTSUP", call, undefined, remedy);
  }
  if (keepAlive && tls !== undefined) {
    const remedy = "Deno cannot set keepAlive on TLS connections it accepts";
    throw socketError("ENOTSUP", call, undefined, remedy);
  }
  const address = await chooseAddress(hostname, port);
  const where = { hostname: address, port, reusePort, tcpBacklog };
  const listener = tls === undefined
    ? Deno.listen(where)
    : Deno.listenTls({ ...where, ...tls });
  return new DenoListenerHandle(listener, options, queue);
}

function listenUnix(
  options: CheckedUnixListen,
  queue: AcceptQueue,
): Promise<ListenerHandle> {
  const { transport, path } = options;
  return listenOnSocketFile(options, {
    listen: (full) => {
      const listener = Deno.listen({ transport, path: full });
      return new DenoListenerHandle(listener, options, queue, path);
    },
    connect: async () => (await Deno.connect({ transport, path })).close(),
    canSetUmask: Deno.permissions.querySync({ name: "sys" }).state ===
      "granted",
  });
}
