import { bun } from "./adapters/bun/runtime.ts";
import { deno } from "./adapters/deno/runtime.ts";
import { node } from "./adapters/node/runtime.ts";
import type { SocketErrorCode } from "./errors.ts";
import { AcceptQueue } from "./net/accept_queue.ts";
import type { Adapter } from "./net/adapter.ts";
import { endpointOf } from "./net/address.ts";
import {
  type CheckedConnect,
  type CheckedListen,
  isSecure,
} from "./net/checked_options.ts";
import { connectTo, proxyHeaderOf } from "./net/connect_to.ts";
import { DatagramQueue } from "./net/datagram_queue.ts";
import { UdpSocket } from "./net/datagram_socket.ts";
import { closeIfAborted, withDeadline } from "./net/deadline.ts";
import { ProxyListenerHandle } from "./net/proxy_protocol/listener.ts";
import { checkProxyProtocol } from "./net/proxy_protocol/trusted_proxies.ts";
import {
  type FailedCall,
  socketError,
  toSocketError,
} from "./net/socket_error.ts";
import { reportRejects, SocketListener } from "./net/socket_listener.ts";
import { checkBind, checkConnect, checkListen } from "./net/validate.ts";
import type {
  Address,
  AddressOf,
  BindOptions,
  Connection,
  ConnectOptions,
  DatagramSocket,
  Listener,
  ListenOptions,
  ProxyProtocolOptions,
} from "./socket.ts";

/** The runtimes; a new one is a folder in `adapters/` and a name here. */
const adapters: readonly Adapter[] = [deno, bun, node];

const current = adapters.find(({ isCurrent }) => isCurrent);
const calls = openOn(current);

/** Writes to standard error where `process.stderr` would block. */
export const standardError: Adapter["writeError"] = current?.writeError;

/** Whether `node:os` may be asked for the interfaces. */
export function canListInterfaces(): boolean {
  return current?.canListInterfaces?.() ?? true;
}

// `listen` and `connect` have one signature each: the compiler's error in a call
// of several names them all, in ten lines. `Transport` is `undefined` if it is
// not given, and not "tcp", which would be all that an editor offers.

/**
 * Listens for connections, over TCP, TLS or a Unix socket.
 *
 * For TCP the options are `port`, `hostname`, `backlog`, `reusePort`,
 * `keepAlive`, `tls` and `proxyProtocol` ({@linkcode TcpListenOptions}); for a
 * Unix socket `transport: "unix"`, `path`, `mode`, `removeStale`, `backlog` and
 * `proxyProtocol` ({@linkcode UnixListenOptions}).
 *
 * Rejects with `TypeError` or `RangeError` for wrong options, otherwise with
 * `SocketError`: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENOTFOUND`,
 * `EMFILE`, `ENOENT` (the folder of a Unix socket), `EINVAL` (its path is too
 * long), `EPROTO` (a certificate or key of no use), or `ENOTSUP` for what this
 * runtime cannot do, which is everything where it is none of the three.
 *
 * The type of the addresses follows from `transport`; with `proxyProtocol`,
 * those of a connection are in its header, and of whatever transport.
 *
 * @param options The address, by default TCP on 127.0.0.1.
 * @returns The listener, bound and ready for clients.
 *
 * @example A free port, and the peer's address
 * ```ts
 * import { connect, formatAddress, listen } from "@parley/echo";
 *
 * await using listener = await listen({ port: 0 });
 * console.log(`listening on ${formatAddress(listener.addr)}`);
 *
 * await using client = await connect({ port: listener.addr.port });
 * await using server = await listener.accept();
 * await server.send(`Hello, ${formatAddress(server.remoteAddr)}`);
 * console.log((await client.recv())?.length);
 * ```
 *
 * @category Connect
 */
export function listen<
  Transport extends "tcp" | "unix" | undefined = undefined,
  Proxied extends boolean | undefined = undefined,
>(
  options: ListenOptions<Transport> & {
    transport?: Transport;
    proxyProtocol?: ProxyProtocolOptions | Proxied;
  },
): Promise<
  Listener<
    AddressOf<Transport>,
    Proxied extends true ? Address : AddressOf<Transport>
  >
>;
export function listen(options: ListenOptions): Promise<Listener> {
  return calls.listen(options);
}

/**
 * Connects to a server, over TCP, TLS or a Unix socket. Without a `timeout` or
 * a `signal` it waits as long as the system does, minutes for a machine that
 * does not answer, and without end for a peer that is silent in its TLS
 * handshake.
 *
 * For TCP the options are `port`, `hostname`, `tls`, `localAddress`,
 * `localPort`, `keepAlive` and `proxyHeader` ({@linkcode TcpConnectOptions});
 * for a Unix socket `transport: "unix"` and `path`
 * ({@linkcode UnixConnectOptions}); for both, `timeout` and `signal`.
 *
 * Rejects with `TypeError` or `RangeError` for wrong options, with
 * `signal.reason` when aborted, otherwise with `SocketError`: `ECONNREFUSED`,
 * `ENOTFOUND`, `ETIMEDOUT`, `ECONNRESET`, `EHOSTUNREACH`, `ENETUNREACH`,
 * `EACCES`, `EMFILE`, `EPROTO` (TLS); for a Unix socket `ENOENT` (there is
 * none), `EAGAIN` (its queue is full), `EPROTOTYPE` (it is for datagrams),
 * `EINVAL` (its path is too long).
 *
 * @param options The address, by default TCP to 127.0.0.1.
 * @returns The connection, with TLS after a verified handshake.
 *
 * @example
 * ```ts
 * import { connect, serveEcho } from "@parley/echo";
 *
 * await using server = await serveEcho({ port: 0 });
 * await using conn = await connect({
 *   port: server.addr.port,
 *   timeout: 5000, // milliseconds
 * });
 * await conn.send("hello");
 * console.log(new TextDecoder().decode(await conn.recv() ?? undefined));
 * ```
 *
 * @category Connect
 */
export function connect<
  Transport extends "tcp" | "unix" | undefined = undefined,
>(
  options: ConnectOptions<Transport> & { transport?: Transport },
): Promise<Connection<AddressOf<Transport>>>;
export function connect(options: ConnectOptions): Promise<Connection> {
  return calls.connect(options);
}

/**
 * Opens a UDP socket, to send and to receive datagrams. It is not connected to
 * a peer, so an ICMP refusal (`ECONNREFUSED`) is not reported: what is sent to a
 * port where nothing listens is lost like any other datagram.
 *
 * Rejects with `TypeError` or `RangeError` for wrong options, otherwise with
 * `SocketError`: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENOTFOUND`,
 * `EMFILE`, or `ENOTSUP` for what this runtime cannot do.
 *
 * @param options The address, by default on 127.0.0.1.
 * @returns The socket, ready to receive.
 *
 * @example
 * ```ts
 * import { bind } from "@parley/echo";
 *
 * await using socket = await bind({ port: 0 });
 * await socket.sendTo("to myself", socket.addr);
 * const [data] = await socket.recvFrom();
 * console.log(data.length); // 9
 * ```
 *
 * @category UDP
 */
export function bind(options: BindOptions): Promise<DatagramSocket> {
  return calls.bind(options);
}

/** The calls of this module, over one adapter. */
export interface SocketCalls {
  /** See {@linkcode listen}. */
  listen(options: ListenOptions): Promise<Listener>;
  /** See {@linkcode connect}. */
  connect(options: ConnectOptions): Promise<Connection>;
  /** See {@linkcode bind}. */
  bind(options: BindOptions): Promise<DatagramSocket>;
}

/** Makes the calls over an adapter: checks, opens, and names what failed. */
export function openOn(adapter: Adapter | undefined): SocketCalls {
  return {
    async listen(options) {
      const checked = checkListen(options);
      const policy = checkProxyProtocol(checked);
      const call = startCall("listen", checked);
      const tls = checked.transport === "tcp" ? checked.tls : undefined;
      const listener = await attempt(adapter, call, async (runtime) => {
        const queue = new AcceptQueue(checked.backlog);
        // A PROXY header comes before the handshake.
        if (policy && tls) await runtime.checkCertificates(tls);
        const plain = policy && tls ? { ...checked, tls: undefined } : checked;
        const handle = await runtime.listen(plain, queue);
        return new SocketListener(handle, queue);
      }, fallbackCode(checked));
      if (policy === undefined) return listener;
      const queue = new AcceptQueue(checked.backlog);
      reportRejects(listener, (peer, error) => queue.onReject?.(peer, error));
      const handle = new ProxyListenerHandle(listener, queue, policy, tls);
      return new SocketListener(handle, queue);
    },

    async connect(options) {
      const checked = checkConnect(options);
      const call = startCall("connect", checked);
      const header = proxyHeaderOf(checked);
      checked.signal?.throwIfAborted();
      return await withDeadline(checked, call, (signal) => {
        const opening = attempt(
          adapter,
          call,
          (runtime) => connectTo(runtime, { ...checked, signal }, header),
          fallbackCode(checked),
        );
        return signal ? closeIfAborted(opening, signal) : opening;
      });
    },

    async bind(options) {
      const checked = checkBind(options);
      const call = startCall("bind", checked);
      return await attempt(adapter, call, async (runtime) => {
        const queue = new DatagramQueue();
        return new UdpSocket(await runtime.bind(checked, queue), queue);
      });
    },
  };
}

/** Notes the caller's line, for the stack of an error that comes later. */
function startCall(
  syscall: "listen" | "connect" | "bind",
  options: Address,
): FailedCall {
  return { syscall, address: endpointOf(options), caller: new Error() };
}

async function attempt<T>(
  adapter: Adapter | undefined,
  call: FailedCall,
  open: (runtime: Adapter) => Promise<T>,
  fallbackCode?: SocketErrorCode,
): Promise<T> {
  if (adapter === undefined) {
    throw socketError(
      "ENOTSUP",
      call,
      undefined,
      "run it on Deno, Bun or Node.js",
    );
  }
  try {
    return await open(adapter);
  } catch (error) {
    throw toSocketError(error, call, fallbackCode);
  }
}

/** The code of a runtime's error that has none. */
function fallbackCode(
  options: CheckedListen | CheckedConnect,
): SocketErrorCode | undefined {
  return isSecure(options) ? "EPROTO" : undefined;
}
