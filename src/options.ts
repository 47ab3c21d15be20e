import type { NetAddress } from "./address.ts";

/**
 * Options of a TLS listener. Certificates and keys are text; reading the files
 * is up to the caller. Text that is not PEM is a `TypeError`; unusable PEM, such
 * as a key that does not match the certificate, is `EPROTO`.
 *
 * @example A self-signed certificate, where `openssl` is installed
 * ```ts
 * import { connect, serveEcho } from "@parley/echo";
 * import { spawnSync } from "node:child_process";
 *
 * const args = "req -x509 -newkey rsa:2048 -nodes -keyout - -out - -days 1 " +
 *   "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 " +
 *   "-addext basicConstraints=critical,CA:FALSE";
 * const pem = spawnSync("openssl", args.split(" ")).stdout?.toString();
 * if (pem) {
 *   const at = { port: 0, tls: { cert: pem, key: pem } };
 *   await using server = await serveEcho(at);
 *   const { port } = server.addr;
 *   await using _conn = await connect({ port, tls: { caCerts: [pem] } });
 * }
 * ```
 *
 * @category TLS
 */
export interface TlsListenOptions {
  /** The certificate chain, PEM; the server's own certificate comes first. */
  cert: string;
  /** The private key of the certificate, PEM. */
  key: string;
  /**
   * The ALPN protocols to offer, the preferred one first: names of 1 to 255
   * ASCII characters. A client that offers only others is rejected; a client
   * without ALPN is accepted.
   *
   * @default []
   */
  alpnProtocols?: string[] | undefined;
  /**
   * Asks the clients for a certificate, of an authority in `caCerts`. With
   * `"require"` no client is accepted without one, with `"request"` one without
   * any is; a certificate that cannot be verified is rejected by both, and its
   * client reset, or on Deno closed.
   */
  clientAuth?: "request" | "require" | undefined;
  /**
   * The authorities of the clients' certificates, PEM: these and no others are
   * trusted. For `clientAuth` only.
   */
  caCerts?: string[] | undefined;
  /**
   * Returns the certificate for the name that a client asks for, or undefined
   * for `cert` and `key`. It is called in each handshake with a name, so it can
   * also renew a certificate. One that throws, rejects or takes ten seconds
   * fails that handshake alone.
   */
  sni?:
    | ((
      serverName: string,
    ) => TlsIdentity | undefined | Promise<TlsIdentity | undefined>)
    | undefined;
}

/**
 * A certificate and its key.
 *
 * @example Renews certificates without a restart
 * ```ts
 * import { serve, type TlsIdentity } from "@parley/echo";
 *
 * async function start(identity: () => Promise<TlsIdentity>) {
 *   const tls = { ...await identity(), sni: identity };
 *   return await serve({ port: 0, tls }, (conn) => conn.send("Hello\n"));
 * }
 * console.log(typeof start);
 * ```
 *
 * @category TLS
 */
export interface TlsIdentity {
  /** The certificate chain, PEM; the own certificate comes first. */
  cert: string;
  /** The private key of the certificate, PEM. */
  key: string;
}

/**
 * Options of a TLS client. A peer that cannot prove its identity makes
 * {@linkcode connect} reject with `EPROTO`; verification cannot be turned off.
 *
 * @example No fallback to plain text
 * ```ts
 * import { connect, serveEcho, type TlsConnectOptions } from "@parley/echo";
 *
 * await using plain = await serveEcho({ port: 0 });
 * const tls: TlsConnectOptions = { serverName: "localhost" };
 * await connect({ port: plain.addr.port, tls })
 *   .catch((error) => console.log(error.code)); // EPROTO
 * ```
 *
 * @category TLS
 */
export interface TlsConnectOptions {
  /**
   * Certificates to trust in addition to the runtime's own, PEM.
   *
   * @default []
   */
  caCerts?: string[] | undefined;
  /**
   * The name or IP that the certificate must be valid for; by default the
   * `hostname` to connect to.
   */
  serverName?: string | undefined;
  /**
   * The ALPN protocols to offer: names of 1 to 255 ASCII characters. The server
   * chooses one, see {@linkcode TlsInfo.alpnProtocol}; if it knows only
   * others, `connect` rejects with `EPROTO`.
   *
   * @default []
   */
  alpnProtocols?: string[] | undefined;
  /**
   * The certificate chain of this client, PEM, for a server that asks for it.
   * In TLS 1.3 the server looks at it after the handshake, so `connect` resolves
   * and the next `recv` rejects: with `EPROTO` and the reason
   * `"no-client-certificate"` or `"handshake"` if the server says why, otherwise
   * with `ECONNRESET`, or it is the end.
   */
  cert?: string | undefined;
  /** The private key of `cert`, PEM. */
  key?: string | undefined;
}

/**
 * Options of the PROXY protocol, by which a proxy sends the address of its
 * client at the start of each connection.
 *
 * @example Behind a load balancer
 * ```ts
 * import { connect, serve } from "@parley/echo";
 *
 * const proxyProtocol = { trustedProxies: ["127.0.0.1", "10.0.0.0/8"] };
 * await using server = await serve({ port: 0, proxyProtocol }, async (conn) => {
 *   await conn.send(`You are ${JSON.stringify(conn.remoteAddr)}\n`);
 * });
 *
 * // A load balancer sends this header first, in the name of its client.
 * await using conn = await connect({ port: server.addr.port });
 * await conn.send("PROXY TCP4 203.0.113.7 198.51.100.1 51000 443\r\n");
 * for (let data; (data = await conn.recv()) !== null;) {
 *   console.log(new TextDecoder().decode(data)); // You are {… "203.0.113.7" …}
 * }
 * ```
 *
 * @category Options
 */
export interface ProxyProtocolOptions {
  /**
   * The IP addresses and networks of the proxies: `"192.0.2.1"`, `"fd00::/8"`.
   * They can claim any address for their clients, so list only your own. A
   * connection from another peer is closed unread, and so is one from a proxy
   * that sends no valid header.
   */
  trustedProxies: string[];
  /**
   * Accepts connections without a header, too, with their own address: of these
   * peers alone, which send one first or nothing within 100 ms. So a client or a
   * health check may come directly, and a server that speaks first waits.
   *
   * @default false
   */
  optional?: boolean | undefined;
}

/**
 * The header of the PROXY protocol that `connect` sends.
 *
 * @example A proxy that passes its client's address on
 * ```ts
 * import { connect, serve, serveEcho } from "@parley/echo";
 *
 * const proxyProtocol = { trustedProxies: ["127.0.0.1"] };
 * await using echo = await serveEcho({ port: 0, proxyProtocol });
 * await using proxy = await serve({ port: 0 }, async (client) => {
 *   const { remoteAddr: source, localAddr: destination } = client;
 *   if (source.transport !== "tcp" || destination.transport !== "tcp") return;
 *   await using target = await connect({
 *     port: echo.addr.port,
 *     proxyHeader: { version: 2, source, destination },
 *   });
 *   await Promise.all([client.pipeTo(target), target.pipeTo(client)]);
 * });
 * console.log(proxy.addr.port);
 * ```
 *
 * @category Options
 */
export interface ProxyHeaderOptions {
  /** The version of the protocol: 1 is a line of text, 2 is binary. */
  version: 1 | 2;
  /** The address of the client. */
  source: NetAddress;
  /** The address that the client connected to, of the same IP version. */
  destination: NetAddress;
}

/**
 * The times of the probes of `keepAlive`.
 *
 * @example
 * ```ts
 * import { connect, serveEcho } from "@parley/echo";
 *
 * await using server = await serveEcho({ port: 0 });
 * const keepAlive = { initialDelay: 60_000 }; // milliseconds
 * await using conn = await connect({ port: server.addr.port, keepAlive });
 * await conn.send("hello");
 * ```
 *
 * @category Options
 */
export interface KeepAliveOptions {
  /**
   * Milliseconds without a byte before the first probe, in whole seconds: 1000
   * to 32,767,000.
   */
  initialDelay: number;
  /**
   * Milliseconds from an unanswered probe to the next, in whole seconds: 1000 to
   * 32,767,000; the runtime's choice unless given. Deno and Bun cannot set it,
   * which is `ENOTSUP`.
   */
  interval?: number | undefined;
  /**
   * Unanswered probes after which the connection is reset, 1 to 127; the
   * runtime's choice unless given. Deno and Bun cannot set it, which is
   * `ENOTSUP`.
   */
  count?: number | undefined;
}

/**
 * Options of {@linkcode listen} for TCP, and with `tls` for TLS.
 *
 * @category Options
 */
export interface TcpListenOptions {
  /**
   * The transport.
   *
   * @default "tcp"
   */
  transport?: "tcp" | undefined;
  /**
   * The name or IP to bind. The default accepts only clients on this machine;
   * `"0.0.0.0"` is every IPv4 address of the machine, `"::"` every address. Of
   * several addresses of a name it is the first of IPv4, or else of IPv6.
   *
   * @default "127.0.0.1"
   */
  hostname?: string | undefined;
  /** The port, 0 to 65535; with 0 the system chooses one, see `addr`. */
  port: number;
  /**
   * Connections that may wait to be accepted, at least 1. The system may allow
   * one more.
   *
   * @default 511
   */
  backlog?: number | undefined;
  /**
   * Shares the port with other listeners that set this option; the system
   * distributes the connections. `ENOTSUP` on Deno without `--unstable-net`,
   * which the error message names.
   *
   * @default false
   */
  reusePort?: boolean | undefined;
  /**
   * Probes idle peers, to notice peers that have vanished: `true` at the
   * system's interval, mostly after two hours.
   *
   * @default false
   */
  keepAlive?: boolean | KeepAliveOptions | undefined;
  /** Uses TLS; `false` does not. A handshake may take ten seconds. */
  tls?: TlsListenOptions | false | undefined;
  /**
   * Serves the clients of proxies, such as HAProxy with `send-proxy` or
   * `send-proxy-v2`: each connection must come from a trusted proxy and start
   * with a PROXY header, version 1 or 2, within 10 seconds. `remoteAddr` is
   * then the client's address, and `localAddr` the address it connected to, of
   * transport `"udp"` or `"unix"` if the header says so. A header without
   * addresses, as of a health check, leaves the connection's own. With `tls`
   * the handshake comes after the header.
   *
   * A server that speaks first does so once it has the header, which most
   * proxies send at once. Some send it only with the client's first bytes; such
   * a proxy and such a server wait for each other until the 10 seconds are over.
   * A health check must send a header, too.
   */
  proxyProtocol?: ProxyProtocolOptions | undefined;
}

/**
 * Options of {@linkcode listen} for a Unix domain socket.
 *
 * @example A socket for the current user only
 * ```ts
 * import { listen, type UnixListenOptions } from "@parley/echo";
 * import { stat } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 *
 * const path = `${tmpdir()}/parley-${crypto.randomUUID()}.sock`;
 * const options: UnixListenOptions = {
 *   transport: "unix",
 *   path,
 *   mode: 0o600,
 *   removeStale: true, // as after a crash of the last server
 * };
 * await using _listener = await listen(options);
 * console.log(((await stat(path)).mode & 0o777).toString(8)); // 600
 * ```
 *
 * @category Options
 */
export interface UnixListenOptions {
  /** The transport. */
  transport: "unix";
  /**
   * The socket file to create, its path at most 107 bytes. `close()`, and an
   * orderly end of the process, remove it, unless another file has taken the
   * path since.
   *
   * The socket is bound in a folder that is made beside the path for a moment,
   * and linked to the path; `ss` and `getpeername` show the name it had there.
   * Where that is not possible it is bound at the path itself, and the runtime
   * removes any file that is there at `close()`, another server's, too: where
   * Deno's permissions name the path alone, on a file system without hard
   * links, and in a folder with a path that leaves no room for six more bytes.
   *
   * On Linux, a path that starts with `"\0"` is an abstract name: without a
   * file, and open to every process of the machine, so `mode` and `removeStale`
   * are a `TypeError`. Deno needs `--allow-net` for it, without a list. On
   * other systems it is `ENOTSUP`.
   */
  path: string;
  /**
   * The permission bits of the file, 0 to `0o777`; by default, what the umask
   * leaves. They are set before anybody can connect, but a moment after the
   * file is there if it is bound at the path itself.
   */
  mode?: number | undefined;
  /**
   * Removes a socket file that an ended server left behind: one that no process
   * has open. Without this option, for any other file, and when in doubt, the
   * path is `EADDRINUSE`. Of several servers that start at once, one gets the
   * path. Deno without every permission, and Deno for a socket of another
   * network namespace, cannot distinguish a server that is bound and does not listen
   * yet from an ended one.
   *
   * @default false
   */
  removeStale?: boolean | undefined;
  /**
   * Connections that may wait to be accepted, at least 1. On Deno the system
   * chooses the number, whatever this option says.
   *
   * @default 511
   */
  backlog?: number | undefined;
  /**
   * Serves the clients of a proxy, like {@linkcode TcpListenOptions}. Every
   * process that may connect can claim any address, so let `mode`, or the
   * folder, admit only the proxy.
   *
   * @default false
   */
  proxyProtocol?: boolean | undefined;
}

/**
 * Options of {@linkcode listen}, for TCP or a Unix domain socket.
 *
 * @category Options
 */
export type ListenOptions<
  Transport extends "tcp" | "unix" | undefined = "tcp" | "unix",
> = Transport extends "unix" ? UnixListenOptions : TcpListenOptions;

/**
 * Options of {@linkcode connect} for TCP, and with `tls` for TLS.
 *
 * @category Options
 */
export interface TcpConnectOptions {
  /**
   * The transport.
   *
   * @default "tcp"
   */
  transport?: "tcp" | undefined;
  /**
   * The name or IP to connect to. The addresses of a name are tried one after
   * the other, the next as soon as one fails or is silent for 250 ms (RFC 8305).
   *
   * @default "127.0.0.1"
   */
  hostname?: string | undefined;
  /** The port, 1 to 65535. */
  port: number;
  /**
   * The IP address of this machine to connect from, of the same version as the
   * server's. By default the system chooses.
   */
  localAddress?: string | undefined;
  /**
   * The port to connect from, 1 to 65535; it may be `EADDRINUSE`, also for a
   * while after a close. By default the system chooses.
   */
  localPort?: number | undefined;
  /**
   * Sends a header of the PROXY protocol first, for a server that expects one:
   * so it learns the address of a client that the connection is for. With `tls`
   * the handshake comes after it.
   */
  proxyHeader?: ProxyHeaderOptions | undefined;
  /**
   * Probes the idle peer, to notice that it has vanished: `true` at the system's
   * interval, mostly after two hours.
   *
   * @default false
   */
  keepAlive?: boolean | KeepAliveOptions | undefined;
  /**
   * Uses TLS and verifies the peer; `true` is TLS without further options,
   * `false` is none.
   */
  tls?: boolean | TlsConnectOptions | undefined;
  /**
   * Milliseconds for the attempt, the search for the name and the TLS handshake
   * included: above 0. `connect` then rejects with `ETIMEDOUT`.
   *
   * @default Infinity
   */
  timeout?: number | undefined;
  /**
   * Aborts the attempt: `connect` then rejects with `signal.reason`. It has no
   * effect on an open connection.
   */
  signal?: AbortSignal | undefined;
}

/**
 * Options of {@linkcode connect} for a Unix domain socket.
 *
 * @example Distinguish a server that is not running from other errors
 * ```ts
 * import { connect, SocketError, type UnixConnectOptions } from "@parley/echo";
 *
 * const at: UnixConnectOptions = { transport: "unix", path: "/run/none.sock" };
 * try {
 *   await using conn = await connect(at);
 *   await conn.send("reload\n");
 * } catch (error) {
 *   const isDown = error instanceof SocketError &&
 *     (error.code === "ENOENT" || error.code === "ECONNREFUSED");
 *   if (!isDown) throw error;
 *   console.log("The server is not running");
 * }
 * ```
 *
 * @category Options
 */
export interface UnixConnectOptions {
  /** The transport. */
  transport: "unix";
  /**
   * The socket file of the server, its path at most 107 bytes; on Linux, an
   * abstract name if it starts with `"\0"`.
   */
  path: string;
  /**
   * Milliseconds for the attempt, the search for the name and the TLS handshake
   * included: above 0. `connect` then rejects with `ETIMEDOUT`.
   *
   * @default Infinity
   */
  timeout?: number | undefined;
  /**
   * Aborts the attempt: `connect` then rejects with `signal.reason`. It has no
   * effect on an open connection.
   */
  signal?: AbortSignal | undefined;
}

/**
 * Options of {@linkcode Connection.startTls}: those of a client, or with
 * `serverSide: true` those of a listener.
 *
 * @category Options
 */
export type StartTlsOptions =
  | TlsConnectOptions & {
    /** Whether this side is the server of the handshake. */
    serverSide?: false | undefined;
    /** Aborts the handshake, which has no deadline, and closes the connection. */
    signal?: AbortSignal | undefined;
  }
  | TlsListenOptions & {
    /** Whether this side is the server of the handshake. */
    serverSide: true;
    /** Aborts the handshake, and closes the connection. */
    signal?: AbortSignal | undefined;
  };

/**
 * Options of {@linkcode connect}, for TCP or a Unix domain socket.
 *
 * @category Options
 */
export type ConnectOptions<
  Transport extends "tcp" | "unix" | undefined = "tcp" | "unix",
> = Transport extends "unix" ? UnixConnectOptions : TcpConnectOptions;

/**
 * Options of {@linkcode bind}.
 *
 * @category Options
 */
export interface BindOptions {
  /**
   * The transport.
   *
   * @default "udp"
   */
  transport?: "udp" | undefined;
  /**
   * The name or IP to bind. The default receives only from this machine;
   * `"0.0.0.0"` is every IPv4 address of the machine, `"::"` every address. Of
   * several addresses of a name it is the first of IPv4, or else of IPv6.
   *
   * @default "127.0.0.1"
   */
  hostname?: string | undefined;
  /** The port, 0 to 65535; with 0 the system chooses one, see `addr`. */
  port: number;
  /**
   * Shares the port with other sockets that set this option, in any program:
   * each receives the datagrams of the multicast groups, and one of them those
   * to the address itself.
   *
   * @default false
   */
  reuseAddress?: boolean | undefined;
  /**
   * The routers that a datagram to a multicast group may pass, plus one: 0 to
   * 255. For IPv6 it is `ENOTSUP` on Deno, but for the default.
   *
   * @default 1
   */
  multicastTtl?: number | undefined;
  /**
   * Delivers datagrams to a multicast group on this machine, too. The loopback
   * interface always does.
   *
   * @default true
   */
  multicastLoopback?: boolean | undefined;
}
