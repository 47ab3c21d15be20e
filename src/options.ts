/**
 * What a TLS listener shows its clients. All of it is text; reading the files
 * is up to you. Text that is no PEM is a `TypeError`, PEM that is of no use,
 * as a key of another certificate, is `EPROTO`.
 *
 * @example With a certificate to try, where `openssl` is installed
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
 */
export interface TlsListenOptions {
  /** The certificate chain, PEM, the server's own certificate first. */
  cert: string;
  /** The private key of the certificate, PEM. */
  key: string;
  /**
   * The ALPN protocols on offer, the preferred first: names of 1 to 255 ASCII
   * characters. None unless given. A client that offers others only is turned
   * away; one that offers none is not.
   */
  alpnProtocols?: string[];
}

/**
 * What a TLS client believes and asks for. A peer that cannot prove who it is
 * fails {@linkcode connect} with `EPROTO`; nothing turns that off.
 *
 * @example It never falls back to plain text
 * ```ts
 * import { connect, serveEcho, type TlsConnectOptions } from "@parley/echo";
 *
 * await using plain = await serveEcho({ port: 0 });
 * const tls: TlsConnectOptions = { serverName: "localhost" };
 * await connect({ port: plain.addr.port, tls })
 *   .catch((error) => console.log(error.code)); // EPROTO
 * ```
 */
export interface TlsConnectOptions {
  /** Certificates to trust beside the runtime's own, PEM; none unless given. */
  caCerts?: string[];
  /** The name or IP that the certificate is for; `hostname` unless given. */
  serverName?: string;
  /**
   * The ALPN protocols on offer: names of 1 to 255 ASCII characters. None
   * unless given. The server chooses, see {@linkcode Connection.alpnProtocol};
   * one that has others only makes `connect` reject with `EPROTO`.
   */
  alpnProtocols?: string[];
}

/**
 * Which proxies say, in a header of the PROXY protocol, whose connections they
 * pass on.
 *
 * @example
 * ```ts
 * import { connect, serve } from "@parley/echo";
 *
 * const proxyProtocol = { trustedProxies: ["127.0.0.1", "10.0.0.0/8"] };
 * await using server = await serve({ port: 0, proxyProtocol }, async (conn) => {
 *   await conn.send(`You are ${JSON.stringify(conn.remoteAddr)}\n`);
 * });
 *
 * // What a load balancer sends first, in the name of its client.
 * await using conn = await connect({ port: server.addr.port });
 * await conn.send("PROXY TCP4 203.0.113.7 198.51.100.1 51000 443\r\n");
 * for (let data; (data = await conn.recv()) !== null;) {
 *   console.log(new TextDecoder().decode(data)); // You are {… "203.0.113.7" …}
 * }
 * ```
 */
export interface ProxyProtocolOptions {
  /**
   * The IP addresses and networks of the proxies: `"192.0.2.1"`, `"fd00::/8"`.
   * They can claim any address for their clients, so name yours and nobody
   * else's. Every other peer is closed unheard, and so is a proxy that sends
   * no valid header.
   */
  trustedProxies: string[];
}

/**
 * Options of {@linkcode listen} for TCP, with `tls` for TLS on top of it.
 *
 * @example What a runtime cannot do is an error, so do without
 * ```ts
 * import { listen, SocketError, type TcpListenOptions } from "@parley/echo";
 *
 * const options: TcpListenOptions = { port: 0, backlog: 128 };
 * await using listener = await listen({ ...options, reusePort: true })
 *   .catch((error) => {
 *     const unable = error instanceof SocketError && error.code === "ENOTSUP";
 *     if (!unable) throw error;
 *     console.log(error.message); // names the flag that Deno needs
 *     return listen(options);
 *   });
 * console.log(listener.addr.port);
 * ```
 */
export interface TcpListenOptions {
  /** The transport, `"tcp"` unless given. */
  transport?: "tcp";
  /**
   * The name or IP to bind, `"127.0.0.1"` unless given: nobody else's.
   * `"0.0.0.0"` is every IPv4 address of the machine, `"::"` every address.
   */
  hostname?: string;
  /** The port, 0 to 65535; 0 lets the system choose, see `addr`. */
  port: number;
  /**
   * Connections that may wait to be accepted, at least 1; 511 unless given.
   * The system may let one more in.
   */
  backlog?: number;
  /**
   * Share the port with other listeners that ask for the same; the system
   * spreads the connections. `ENOTSUP` on Deno without `--unstable-net`.
   */
  reusePort?: boolean;
  /**
   * Probe idle peers at the system's pace, so that one which vanished is
   * noticed; off unless given. With `tls` it is `ENOTSUP` on Deno.
   */
  keepAlive?: boolean;
  /** Speak TLS. A handshake may take ten seconds. */
  tls?: TlsListenOptions;
  /**
   * Serve the clients of proxies, as HAProxy with `send-proxy` or
   * `send-proxy-v2`: every connection must come from a trusted one and begin
   * with a PROXY header, version 1 or 2, within 10 seconds. `remoteAddr` is
   * then the client, and `localAddr` what it connected to, of transport `"udp"`
   * or `"unix"` if the header says so; where it names nobody, as in a health
   * check, they are the connection's own. Not with `tls`, which is `ENOTSUP`.
   */
  proxyProtocol?: ProxyProtocolOptions;
}

/**
 * Options of {@linkcode listen} for a Unix domain socket.
 *
 * @example A socket for this user only
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
 */
export interface UnixListenOptions {
  /** The transport. */
  transport: "unix";
  /**
   * The socket file to make, its path at most 107 bytes; it goes with
   * `close()`, which leaves somebody else's file at that path alone.
   */
  path: string;
  /**
   * The permission bits of the file, 0 to `0o777`; the umask's unless given.
   * On Deno without `--allow-sys` they are set a moment after the file is
   * made.
   */
  mode?: number;
  /**
   * Remove a socket file that a server left behind, one that nobody answers
   * at; without it, and for any other file, the path is `EADDRINUSE`.
   */
  removeStale?: boolean;
  /**
   * Connections that may wait to be accepted, at least 1; 511 unless given.
   * On Deno it is the system's choice, whatever is asked.
   */
  backlog?: number;
  /**
   * Serve the clients of a proxy, as {@linkcode TcpListenOptions} has it. Who
   * may connect may claim any address: see that `mode`, or the folder, lets in
   * nobody but the proxy.
   */
  proxyProtocol?: boolean;
}

/**
 * Where to listen.
 *
 * @example A port or a path, as a command line has it
 * ```ts
 * import { formatAddress, listen, type ListenOptions } from "@parley/echo";
 *
 * const place = (text: string): ListenOptions =>
 *   text.includes("/")
 *     ? { transport: "unix", path: text }
 *     : { port: Number(text) };
 *
 * await using listener = await listen(place("0"));
 * console.log(formatAddress(listener.addr));
 * ```
 */
export type ListenOptions<
  Transport extends "tcp" | "unix" = "tcp" | "unix",
> = { tcp: TcpListenOptions; unix: UnixListenOptions }[Transport];

/**
 * Options of {@linkcode connect} for TCP, with `tls` for TLS on top of it.
 *
 * @example
 * ```ts
 * import { connect, serveEcho, type TcpConnectOptions } from "@parley/echo";
 *
 * await using server = await serveEcho({ port: 0 });
 * const options: TcpConnectOptions = {
 *   hostname: "127.0.0.1",
 *   port: server.addr.port,
 *   keepAlive: true,
 *   signal: AbortSignal.timeout(5000), // `connect` waits that long at most
 * };
 * await using conn = await connect(options);
 * console.log(conn.localAddr);
 * ```
 */
export interface TcpConnectOptions {
  /** The transport, `"tcp"` unless given. */
  transport?: "tcp";
  /** The name or IP to reach, `"127.0.0.1"` unless given. */
  hostname?: string;
  /** The port, 1 to 65535. */
  port: number;
  /**
   * Probe the idle peer at the system's pace, so that one which vanished is
   * noticed; off unless given.
   */
  keepAlive?: boolean;
  /** Speak TLS, to a verified peer; `true` is TLS without further options. */
  tls?: true | TlsConnectOptions;
  /**
   * Gives up: `connect` then rejects with `signal.reason`. Later it does
   * nothing to the connection.
   */
  signal?: AbortSignal;
}

/**
 * Options of {@linkcode connect} for a Unix domain socket.
 *
 * @example Tells a server that is not running from other faults
 * ```ts
 * import { connect, SocketError, type UnixConnectOptions } from "@parley/echo";
 *
 * const at: UnixConnectOptions = { transport: "unix", path: "/run/none.sock" };
 * try {
 *   await using conn = await connect(at);
 *   await conn.send("reload\n");
 * } catch (error) {
 *   const away = error instanceof SocketError &&
 *     (error.code === "ENOENT" || error.code === "ECONNREFUSED");
 *   if (!away) throw error;
 *   console.log("The server is not running");
 * }
 * ```
 */
export interface UnixConnectOptions {
  /** The transport. */
  transport: "unix";
  /** The socket file of the server, its path at most 107 bytes. */
  path: string;
  /**
   * Gives up: `connect` then rejects with `signal.reason`. Later it does
   * nothing to the connection.
   */
  signal?: AbortSignal;
}

/**
 * Where to connect.
 *
 * @example Whether a server is there
 * ```ts
 * import { connect, type ConnectOptions, serveEcho } from "@parley/echo";
 *
 * const isUp = (where: ConnectOptions) =>
 *   connect({ ...where, signal: AbortSignal.timeout(1000) })
 *     .then((conn) => conn.close())
 *     .then(() => true, () => false);
 *
 * await using server = await serveEcho({ port: 0 });
 * console.log(await isUp({ port: server.addr.port })); // true
 * ```
 */
export type ConnectOptions = TcpConnectOptions | UnixConnectOptions;

/**
 * Options of {@linkcode bind}.
 *
 * @example
 * ```ts
 * import { bind, type BindOptions } from "@parley/echo";
 *
 * const options: BindOptions = { hostname: "localhost", port: 0 };
 * await using socket = await bind(options);
 * console.log(socket.addr.hostname); // an IP: 127.0.0.1 or ::1
 * ```
 */
export interface BindOptions {
  /** The transport, `"udp"` unless given. */
  transport?: "udp";
  /**
   * The name or IP to bind, `"127.0.0.1"` unless given: nobody else's.
   * `"0.0.0.0"` is every IPv4 address of the machine, `"::"` every address.
   */
  hostname?: string;
  /** The port, 0 to 65535; 0 lets the system choose, see `addr`. */
  port: number;
}
