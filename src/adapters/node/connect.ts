import {
  connect as connectSocket,
  type NetConnectOpts,
  type Socket,
} from "node:net";
import type {
  CheckedConnect,
  CheckedTcpConnect,
} from "../../net/checked_options.ts";
import { unixAddress, UNNAMED_UNIX_ADDRESS } from "../../net/address.ts";
import { connectToFirst } from "../../net/happy_eyeballs.ts";
import { refuseProbes } from "../../net/keep_alive.ts";
import { familyOf } from "../../net/resolve.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { withErrorCode } from "../../net/socket_error.ts";
import type { TlsConnectOptions } from "../../socket.ts";
import { toConnection } from "./connection.ts";
import {
  canSetProbes,
  endpointsOf,
  setKeepAlive,
  settled,
  SOCKET_OPTIONS,
} from "./socket.ts";
import { clientHandshake } from "./tls.ts";

/**
 * Connects by `net.connect`, with TLS by `tls.connect` over it.
 *
 * @param hosts The addresses of the hostname, to be tried in turns: Node itself
 * would give up each after a quarter of a second, and a slow peer with it.
 */
export async function connect(
  options: CheckedConnect,
  hosts: readonly string[] = [],
): Promise<SocketConnection> {
  if (options.transport === "tcp" && options.tls !== undefined) {
    return await connectTls(options, options.tls, hosts);
  }
  return await open(options, hosts, (socket) =>
    toConnection(
      socket,
      options.transport === "tcp" ? endpointsOf(socket) : {
        local: UNNAMED_UNIX_ADDRESS,
        remote: unixAddress(options.path),
      },
    ));
}

async function connectTls(
  options: CheckedTcpConnect,
  tls: TlsConnectOptions,
  hosts: readonly string[],
): Promise<SocketConnection> {
  const handshake = await clientHandshake(options, tls);
  return await open(
    options,
    hosts,
    (socket) => handshake(socket, endpointsOf(socket)),
  );
}

/** Opens a socket, and makes something of it at once. */
async function open<T>(
  options: CheckedConnect,
  hosts: readonly string[],
  result: (socket: Socket) => T | Promise<T>,
): Promise<T> {
  const { signal } = options;
  if (options.transport === "unix") {
    return await openAt({ path: options.path }, signal, result);
  }
  if (!canSetProbes()) refuseProbes("connect", options);
  const { hostname, port, localAddress, localPort } = options;
  if (localAddress !== undefined) hosts = inFamilyOf(localAddress, hosts);
  const more = { localAddress, localPort };
  const tuned = (socket: Socket) => {
    setKeepAlive(socket, options);
    return result(socket);
  };
  if (hosts.length < 2) {
    const [host = hostname] = hosts;
    return await openAt({ host, port, ...more }, signal, tuned);
  }
  const socket = await connectToFirst(hosts, {
    open: (host, signal) =>
      openAt({ host, port, ...more }, signal, (socket) => socket),
    close: (socket) => socket.destroy(),
  }, signal);
  return await tuned(socket);
}

/** Bun would connect to another family from any address. */
function inFamilyOf(local: string, hosts: readonly string[]): string[] {
  const family = familyOf(local);
  const own = hosts.filter((host) => familyOf(host) === family);
  if (own.length > 0) return own;
  const reason = new Error(`No IPv${family} address to connect to`);
  throw withErrorCode(reason, "EAFNOSUPPORT");
}

/** Corrects EINVAL, by which Deno reports an address of another machine. */
function correctBindError(error: unknown): unknown {
  const { syscall, code } = Object(error);
  return syscall === "bind" && code === "EINVAL" && error instanceof Error
    ? withErrorCode(error, "EADDRNOTAVAIL")
    : error;
}

function openAt<T>(
  where: NetConnectOpts,
  signal: AbortSignal | undefined,
  result: (socket: Socket) => T | Promise<T>,
): Promise<T> {
  // Node looks for a `path` and a `port`, also in a polluted prototype.
  const plain = { __proto__: null, ...SOCKET_OPTIONS, ...where };
  const socket = connectSocket(plain).pause();
  return settled(socket, "connect", signal, () => result(socket))
    .catch((error) => {
      throw correctBindError(error);
    });
}
