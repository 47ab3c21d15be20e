import type {
  AcceptQueue,
  Adapter,
  ListenerHandle,
} from "../../net/adapter.ts";
import type {
  CheckedConnect,
  CheckedListen,
  CheckedTcpListen,
  CheckedUnixListen,
} from "../../net/checked_options.ts";
import { unixAddress } from "../../net/address.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { socketError } from "../../net/socket_error.ts";
import { listenOnSocketFile } from "../../net/socket_file.ts";
import { isSocketInUse } from "../../net/socket_in_use.ts";
import { Deno, type DenoPermission } from "./api.ts";
import { DenoListenerHandle } from "./listener.ts";
import { copyAddress, setTcpOptions, toConnection } from "./socket.ts";
import { startTls } from "./tls.ts";
import { bindUdp } from "./udp.ts";

/** The interface on Deno's own sockets. */
export const deno: Adapter = {
  isCurrent: Deno !== undefined,

  listen(options: CheckedListen, queue: AcceptQueue) {
    return options.transport === "unix"
      ? listenUnix(options, queue)
      : listenTcp(options, queue);
  },

  async connect(options: CheckedConnect): Promise<SocketConnection> {
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
  },

  bind: bindUdp,
};

function listenTcp(
  options: CheckedTcpListen,
  queue: AcceptQueue,
): ListenerHandle {
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
  const where = { hostname, port, reusePort, tcpBacklog };
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
  const canRead = (path: string) => isGranted({ name: "read", path });
  return listenOnSocketFile(options, {
    listen: (bound) => {
      const listener = Deno.listen({ transport, path: bound });
      return new DenoListenerHandle(listener, options, queue, path);
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

/** Whether Deno grants a permission without asking the user. */
function isGranted(descriptor: DenoPermission): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}
