import type { Adapter, CheckedConnect, CheckedListen } from "./net/adapter.ts";
import { bun } from "./adapters/bun/runtime.ts";
import { deno } from "./adapters/deno/runtime.ts";
import { fault, toFault } from "./net/socket_error.ts";
import { onAbort } from "./net/wait_queue.ts";
import { ProxiedListener } from "./net/proxy_protocol/listener.ts";
import { isSecure } from "./net/tls.ts";
import { longestPath } from "./net/socket_file.ts";
import { checkInteger, checkOptions } from "./net/validate.ts";
import type { SocketErrorCode } from "./errors.ts";
import {
  checkProxyProtocol,
  refuseProxyProtocol,
} from "./net/proxy_protocol/trusted_proxies.ts";
import {
  type AddressOf,
  type BindOptions,
  type Connection,
  type ConnectOptions,
  type DatagramSocket,
  formatAddress,
  type Listener,
  type ListenOptions,
  type NetAddress,
  type TlsConnectOptions,
  type TlsListenOptions,
} from "./socket.ts";

const adapter: Adapter | undefined = [deno, bun].find(({ here }) => here);

/**
 * Listens for connections, over TCP, TLS or a Unix socket.
 *
 * Rejects with `TypeError` or `RangeError` for wrong options, otherwise with
 * `SocketError`: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENOTFOUND`,
 * `EMFILE`, `ENOENT` (the folder of a Unix socket), `EINVAL` (its path is too
 * long), `EPROTO` (a certificate or key of no use), or `ENOTSUP` for what this
 * runtime cannot do, which is everything where it is neither Deno nor Bun.
 *
 * @param options Where; TCP on 127.0.0.1 unless it says otherwise.
 * @returns The listener, bound and ready for clients.
 *
 * @example A free port, and who came
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
 */
export async function listen<Transport extends "tcp" | "unix" = "tcp">(
  options: ListenOptions<Transport> & { transport?: Transport },
): Promise<Listener<AddressOf<Transport>>> {
  const checked = checkListen(options);
  const trusts = checkProxyProtocol(checked);
  return await attempt(
    `Cannot listen on ${target(checked)}`,
    async (runtime): Promise<Listener> => {
      const listener = await runtime.listen(checked);
      return trusts === undefined
        ? listener
        : new ProxiedListener(listener, checked.backlog, trusts);
    },
    unknownFault(checked),
  ) as Listener<AddressOf<Transport>>;
}

/**
 * Connects to a server, over TCP, TLS or a Unix socket. Without a `signal` it
 * waits as long as the system does, minutes for a machine that does not answer,
 * and without end for a peer that is silent in its TLS handshake.
 *
 * Rejects with `TypeError` or `RangeError` for wrong options, with
 * `signal.reason` when aborted, otherwise with `SocketError`: `ECONNREFUSED`,
 * `ENOTFOUND`, `ETIMEDOUT`, `ECONNRESET`, `EHOSTUNREACH`, `ENETUNREACH`,
 * `EACCES`, `EMFILE`, `EPROTO` (TLS); for a Unix socket `ENOENT` (there is
 * none), `EAGAIN` (its queue is full), `EINVAL` (its path is too long).
 *
 * @param options Where; TCP to 127.0.0.1 unless it says otherwise.
 * @returns The connection, with TLS after a verified handshake.
 *
 * @example
 * ```ts
 * import { connect, serveEcho } from "@parley/echo";
 *
 * await using server = await serveEcho({ port: 0 });
 * await using conn = await connect({
 *   port: server.addr.port,
 *   signal: AbortSignal.timeout(5000),
 * });
 * await conn.send("hello");
 * console.log(new TextDecoder().decode(await conn.recv() ?? undefined));
 * ```
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const checked = checkConnect(options);
  const { signal } = checked;
  signal?.throwIfAborted();
  const opening = attempt(
    `Cannot connect to ${target(checked)}`,
    (runtime) => runtime.connect(checked),
    unknownFault(checked),
  );
  return await (signal === undefined ? opening : abortable(opening, signal));
}

/**
 * Opens a UDP socket, to send and to receive datagrams.
 *
 * Rejects with `TypeError` or `RangeError` for wrong options, otherwise with
 * `SocketError`: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENOTFOUND`,
 * `EMFILE`.
 *
 * @param options Where; 127.0.0.1 unless it says otherwise.
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
 */
export async function bind(options: BindOptions): Promise<DatagramSocket> {
  const address = checkBind(options);
  return await attempt(
    `Cannot bind ${formatAddress(address)}`,
    (runtime) => runtime.bind(address),
  );
}

async function attempt<T>(
  doing: string,
  open: (runtime: Adapter) => T | Promise<T>,
  otherwise?: SocketErrorCode,
): Promise<T> {
  if (adapter === undefined) {
    throw fault("ENOTSUP", doing, undefined, "run it on Deno or on Bun");
  }
  try {
    return await open(adapter);
  } catch (error) {
    throw toFault(error, doing, otherwise);
  }
}

/** What an error without a known code is about. */
function unknownFault(
  options: CheckedListen | CheckedConnect,
): SocketErrorCode | undefined {
  return isSecure(options) ? "EPROTO" : undefined;
}

/** Not every runtime can give up connecting: then the late one is closed. */
function abortable(
  opening: Promise<Connection>,
  signal: AbortSignal,
): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  onAbort(signal, promise, () => reject(signal.reason));
  opening.then((connection) => {
    if (signal.aborted) connection.close();
    else resolve(connection);
  }, reject);
  return promise;
}

function target(options: CheckedListen | CheckedConnect): string {
  return formatAddress(
    options.transport === "unix"
      ? options
      : { ...options, transport: options.transport },
  );
}

function checkListen(options: ListenOptions): CheckedListen {
  checkTransport(options, ["tcp", "unix"]);
  const backlog = options.backlog ?? 511;
  checkInteger("backlog", backlog, 1, 2 ** 31 - 1);
  if (options.transport === "unix") {
    checkPath(options.path);
    refuseTls(options);
    if (options.mode !== undefined) {
      checkInteger("mode", options.mode, 0, 0o777);
    }
    return { ...options, backlog };
  }
  const hostname = checkHostname(options.hostname);
  checkInteger("port", options.port, 0, 65535);
  if (options.tls !== undefined) checkTlsListen(options.tls);
  return { ...options, transport: "tcp", hostname, backlog };
}

function checkConnect(options: ConnectOptions): CheckedConnect {
  checkTransport(options, ["tcp", "unix"]);
  refuseProxyProtocol(options);
  if (options.transport === "unix") {
    checkPath(options.path);
    refuseTls(options);
    return options;
  }
  const hostname = checkHostname(options.hostname);
  checkInteger("port", options.port, 1, 65535);
  const tls = options.tls === undefined
    ? undefined
    : checkTlsConnect(options.tls);
  return { ...options, transport: "tcp", hostname, tls };
}

function checkBind(options: BindOptions): NetAddress<"udp"> {
  checkTransport(options, ["udp"]);
  refuseTls(options);
  refuseProxyProtocol(options);
  const hostname = checkHostname(options.hostname);
  checkInteger("port", options.port, 0, 65535);
  return { transport: "udp", hostname, port: options.port };
}

function checkTransport(
  options: { transport?: string; signal?: AbortSignal },
  known: string[],
): void {
  checkOptions(options);
  const { transport } = options;
  if (transport !== undefined && !known.includes(transport)) {
    const names = known.map((name) => `"${name}"`).join(" or ");
    throw new TypeError(`Invalid transport "${transport}": expected ${names}`);
  }
}

function checkHostname(hostname: string = "127.0.0.1"): string {
  if (typeof hostname !== "string" || hostname === "") {
    throw new TypeError(
      `Invalid hostname "${hostname}": expected a name or an IP address`,
    );
  }
  // As URLs write IPv6.
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function checkPath(path: string): void {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError(`Invalid path "${path}": expected a file name`);
  }
  // Bun binds longer ones that few can reach.
  const most = longestPath();
  if (new TextEncoder().encode(path).length > most) {
    throw fault(
      "EINVAL",
      `Cannot use ${path}`,
      undefined,
      `the path is too long for a socket, at most ${most} bytes fit`,
    );
  }
}

/** Only what a PEM file holds gets through; the runtimes look closer. */
function checkPem(name: string, value: unknown, kind: string): void {
  if (typeof value !== "string" || !value.includes(`-----BEGIN ${kind}`)) {
    throw new TypeError(`Invalid tls.${name}: expected the text of a PEM file`);
  }
}

function checkTlsListen(tls: TlsListenOptions): void {
  if (tls === null || typeof tls !== "object") {
    throw new TypeError("Invalid tls: expected { cert, key }");
  }
  checkPem("cert", tls.cert, "CERTIFICATE");
  checkPem("key", tls.key, "");
  checkAlpn(tls.alpnProtocols);
}

function checkTlsConnect(tls: true | TlsConnectOptions): TlsConnectOptions {
  if (tls === true) return {};
  if (tls === null || typeof tls !== "object") {
    throw new TypeError("Invalid tls: expected true or options");
  }
  const { caCerts = [], serverName } = tls;
  if (!Array.isArray(caCerts)) {
    throw new TypeError("Invalid tls.caCerts: expected an array of PEM texts");
  }
  for (const cert of caCerts) checkPem("caCerts", cert, "CERTIFICATE");
  checkAlpn(tls.alpnProtocols);
  return serverName === undefined
    ? tls
    : { ...tls, serverName: checkHostname(serverName) };
}

/** Asked for TLS, a socket must not silently speak plain text. */
function refuseTls(options: { tls?: unknown } | { transport?: string }): void {
  if ("tls" in options && options.tls !== undefined) {
    throw new TypeError("Invalid tls: only TCP carries it");
  }
}

function checkAlpn(protocols: string[] = []): void {
  // Bytes by the standard, but those beyond ASCII every runtime reads its way.
  const valid = (name: unknown) =>
    typeof name === "string" && /^[!-~]{1,255}$/.test(name);
  if (!Array.isArray(protocols) || !protocols.every(valid)) {
    throw new TypeError(
      "Invalid tls.alpnProtocols: expected names of 1 to 255 ASCII characters",
    );
  }
}
