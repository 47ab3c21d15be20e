/**
 * The address of a TCP or UDP socket: an IP and a port.
 *
 * @example An address in a URL
 * ```ts
 * import { formatAddress, type NetAddress } from "@parley/echo";
 *
 * const addr: NetAddress = { transport: "tcp", hostname: "::1", port: 8080 };
 * console.log(new URL(`http://${formatAddress(addr)}/`).href);
 * // http://[::1]:8080/
 * ```
 */
export interface NetAddress<
  Transport extends "tcp" | "udp" = "tcp" | "udp",
> {
  /** The protocol that carries it: `"tcp"`, with TLS on top too, or `"udp"`. */
  transport: Transport;
  /**
   * The IP address, without brackets: `127.0.0.1`, `::1`. A socket on `::`
   * shows its IPv4 peers as `::ffff:127.0.0.1`.
   */
  hostname: string;
  /** The port, 1 to 65535; 0 where the sender of a datagram forged it. */
  port: number;
}

/**
 * The address of a Unix domain socket: a path.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@parley/echo";
 * import { tmpdir } from "node:os";
 *
 * const path = `${tmpdir()}/parley-${crypto.randomUUID()}.sock`;
 * await using listener = await listen({ transport: "unix", path });
 * await using client = await connect({ transport: "unix", path });
 * await using server = await listener.accept();
 * console.log(client.remoteAddr); // { transport: "unix", path: "/tmp/…" }
 * console.log(server.remoteAddr); // { transport: "unix", path: "" }
 * ```
 */
export interface UnixAddress {
  /** The protocol that carries it. */
  transport: "unix";
  /**
   * The path of the socket file. Empty for a peer without one, as clients
   * usually are; Bun does not tell that of a client that has one.
   */
  path: string;
}

/**
 * Where a socket is: the real one, after names and port 0 are resolved.
 *
 * @example Tells the two kinds apart by `transport`
 * ```ts
 * import type { Address } from "@parley/echo";
 *
 * const hostOf = (addr: Address) =>
 *   addr.transport === "unix" ? "this machine" : addr.hostname;
 *
 * console.log(hostOf({ transport: "tcp", hostname: "::1", port: 80 })); // ::1
 * ```
 */
export type Address = NetAddress | UnixAddress;

/**
 * The address of a listener on this transport.
 *
 * @example A path of its own
 * ```ts
 * import type { AddressOf } from "@parley/echo";
 *
 * const addr: AddressOf<"unix"> = { transport: "unix", path: "/run/x.sock" };
 * console.log(addr.path); // a TCP address has none, and the compiler says so
 * ```
 */
export type AddressOf<Transport extends "tcp" | "unix"> = {
  tcp: NetAddress<"tcp">;
  unix: UnixAddress;
}[Transport];

/**
 * Writes an address the usual way.
 *
 * @param address The address.
 * @returns `127.0.0.1:80`, `[::1]:80` or `unix:/run/x.sock`.
 *
 * @example
 * ```ts
 * import { formatAddress } from "@parley/echo";
 *
 * console.log(formatAddress({ transport: "tcp", hostname: "::1", port: 80 }));
 * // [::1]:80
 * ```
 */
export function formatAddress(address: Address): string {
  if (address.transport === "unix") return `unix:${address.path}`;
  const { hostname, port } = address;
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

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

/**
 * An option of the calls that wait for a peer: {@linkcode Listener.accept},
 * {@linkcode Connection.recv} and {@linkcode DatagramSocket.recvFrom}. What a
 * call did not get because it was aborted, the next one gets.
 *
 * @example Waits a while, not for ever
 * ```ts
 * import { type AbortOptions, listen } from "@parley/echo";
 *
 * await using listener = await listen({ port: 0 });
 * const briefly: AbortOptions = { signal: AbortSignal.timeout(50) };
 * await listener.accept(briefly)
 *   .catch((error) => console.log(error.name)); // TimeoutError
 * ```
 */
export interface AbortOptions {
  /** Gives up waiting: the call then rejects with `signal.reason`. */
  signal?: AbortSignal;
}

/**
 * Options of {@linkcode Connection.pipeTo}.
 *
 * @example Has the last word after an echo
 * ```ts
 * import { connect, serve } from "@parley/echo";
 *
 * await using server = await serve({ port: 0 }, async (conn) => {
 *   await conn.pipeTo(conn, { preventClose: true });
 *   await conn.send(`\n${conn.bytesReceived} bytes\n`);
 * });
 * await using conn = await connect({ port: server.addr.port });
 * await conn.send("hello");
 * await conn.closeWrite();
 * console.log(await new Response(conn.readable).text()); // hello, 5 bytes
 * ```
 */
export interface PipeOptions extends AbortOptions {
  /** Leave the destination open at the end, instead of its `closeWrite()`. */
  preventClose?: boolean;
}

/**
 * A listening socket. Connections wait in a queue of at most `backlog`, and
 * what their peers send waits with them, until {@linkcode Listener.accept}.
 *
 * `for await` accepts one connection after the other, and ends when the
 * listener is closed; leaving the loop early does not close it. Leaving the
 * scope of an `await using` does. A connection that fails before it is
 * accepted, as in its TLS handshake, is nobody's error.
 *
 * @example An accept loop by hand
 * ```ts
 * import { connect, listen } from "@parley/echo";
 *
 * const listener = await listen({ port: 0 });
 * const serving = (async () => {
 *   for await (const conn of listener) {
 *     conn.pipeTo(conn).catch(console.error).finally(() => conn.close());
 *   }
 * })();
 * await using client = await connect({ port: listener.addr.port });
 * await client.send("hello");
 * console.log((await client.recv())?.length); // 5
 * await listener.close();
 * await serving;
 * ```
 */
export interface Listener<A extends Address = Address>
  extends AsyncDisposable, AsyncIterable<Connection> {
  /**
   * The bound address, its port real even if 0 was asked for; for a Unix
   * socket the path as it was given.
   */
  readonly addr: A;
  /**
   * Waits for the next connection; several waiting calls are served in order.
   * Rejects with `EBADF` once the listener is closed, and with `signal.reason`
   * when aborted, which loses no connection.
   *
   * @param options A signal to give up.
   */
  accept(options?: AbortOptions): Promise<Connection>;
  /**
   * Stops listening: waiting `accept`s reject with `EBADF`, connections that
   * were not accepted are closed, accepted ones live on. Resolves when the
   * address can be bound again. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * A stream of bytes to and from one peer, the same over TCP, TLS and Unix.
 * The two directions are independent and end one by one. Leaving the scope of
 * an `await using` closes it.
 *
 * What was sent by one call need not come by one: where messages end is for
 * the protocol to say, by a length or by a delimiter.
 *
 * @example Receives until the peer ends
 * ```ts
 * import { connect, serveEcho } from "@parley/echo";
 *
 * await using server = await serveEcho({ port: 0 });
 * await using conn = await connect({ port: server.addr.port });
 * await conn.send("hello");
 * await conn.closeWrite();
 * for (let data; (data = await conn.recv()) !== null;) {
 *   console.log(data.length);
 * }
 * ```
 */
export interface Connection extends AsyncDisposable {
  /**
   * This end's address, with `proxyProtocol` what the client connected to; it
   * stays after the end.
   */
  readonly localAddr: Address;
  /**
   * The peer's address, with `proxyProtocol` the client's; it stays after the
   * end.
   */
  readonly remoteAddr: Address;
  /** The protocol that TLS agreed on by ALPN, if any. */
  readonly alpnProtocol: string | undefined;
  /** Bytes handed out by `recv`, `pipeTo` and `readable` so far. */
  readonly bytesReceived: number;
  /** Bytes that the runtime has taken from `send`, `pipeTo` and `writable`. */
  readonly bytesSent: number;
  /**
   * `recv` as a web stream; made, and reading, only when used. Its end is the
   * peer's, and leaves the connection open; cancelling it leaves sending, and
   * a later `recv`, alone.
   *
   * @example Prints lines
   * ```ts
   * import { connect, serveGreeting } from "@parley/echo";
   *
   * const message = "one\ntwo\nthree\n";
   * await using server = await serveGreeting({ port: 0, message });
   * await using conn = await connect({ port: server.addr.port });
   * let rest = "";
   * const texts = conn.readable.pipeThrough(new TextDecoderStream());
   * for await (const text of texts) {
   *   const lines = (rest + text).split("\n");
   *   rest = lines.pop() ?? "";
   *   for (const line of lines) console.log(line);
   * }
   * ```
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * `send` as a web stream; closing it is `closeWrite()`, aborting `close()`.
   *
   * @example Sends a body and ends
   * ```ts
   * import { connect, serveEcho } from "@parley/echo";
   *
   * await using server = await serveEcho({ port: 0 });
   * await using conn = await connect({ port: server.addr.port });
   * const body = new Blob(["a file, ", "or what fetch returned"]);
   * const sent = body.stream().pipeTo(conn.writable);
   * console.log(await new Response(conn.readable).text());
   * await sent;
   * ```
   */
  readonly writable: WritableStream<Uint8Array>;
  /**
   * Waits for bytes: 1 to `maxBytes` of them as they come, or `null` once the
   * peer has ended its side, and again on every later call. The array is yours
   * to keep and change; its `buffer` may be longer than it. While nobody
   * receives, the peer is held back by the kernel. An aborted `recv` loses
   * nothing.
   *
   * Rejects with `EBUSY` while another `recv`, a `pipeTo` or a read of
   * `readable` waits, `EBADF` after `close()`, `ECONNRESET` when the peer cut
   * the connection, `EPROTO` when TLS broke, `signal.reason` when aborted, and
   * with `RangeError` or `TypeError` for a wrong `maxBytes`.
   *
   * @param maxBytes The most to return, at least 1; 65536 unless given.
   * @param options A signal to give up.
   *
   * @example Waits a while, then goes on
   * ```ts
   * import { connect, serveEcho } from "@parley/echo";
   *
   * await using server = await serveEcho({ port: 0 });
   * await using conn = await connect({ port: server.addr.port });
   * await conn.recv(1024, { signal: AbortSignal.timeout(20) })
   *   .catch((error) => console.log(error.name)); // TimeoutError
   * await conn.send("late");
   * console.log((await conn.recv(1024))?.length); // 4: nothing was lost
   * ```
   */
  recv(
    maxBytes?: number,
    options?: AbortOptions,
  ): Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * Sends all of it, a string as UTF-8; resolves once the runtime has taken
   * every byte, so awaiting it is the backpressure. Leave the array alone
   * until then. Concurrent sends keep their order and never mix.
   *
   * Rejects with `EPIPE` after `closeWrite()` or when the peer is gone,
   * `ECONNRESET` when it cut the connection, `EBADF` after `close()`, and with
   * `TypeError` for what is neither bytes nor text.
   *
   * @param data The bytes or the text.
   */
  send(data: Uint8Array | string): Promise<void>;
  /**
   * Sends everything received here to `destination` until the peer ends, then
   * calls `destination.closeWrite()`. The fast way to relay: no copies, and
   * backpressure holds. Meanwhile `recv` is `EBUSY`.
   *
   * Rejects like `recv` here and `send` there; neither is closed then, but
   * what was read and not yet sent is lost. An abort stops it between chunks:
   * what was read is still sent, the rest is left to the next `recv`.
   *
   * @param destination Where to send it; the connection itself makes an echo.
   * @param options A signal to stop, and whether to spare the destination.
   *
   * @example A proxy
   * ```ts
   * import { connect, serve, serveEcho } from "@parley/echo";
   *
   * await using target = await serveEcho({ port: 0 });
   * await using proxy = await serve({ port: 0 }, async (client) => {
   *   await using server = await connect({ port: target.addr.port });
   *   await Promise.all([client.pipeTo(server), server.pipeTo(client)]);
   * });
   * await using conn = await connect({ port: proxy.addr.port });
   * await conn.send("there and back");
   * await conn.closeWrite();
   * console.log(await new Response(conn.readable).text());
   * ```
   */
  pipeTo(destination: Connection, options?: PipeOptions): Promise<void>;
  /**
   * Ends this side, after the queued sends: the peer reads to the end and then
   * `null`. Receiving goes on. Idempotent. Rejects with `EBADF` after
   * `close()`.
   *
   * @example Asks, and hears the answer to all of it
   * ```ts
   * import { connect, serve } from "@parley/echo";
   *
   * await using server = await serve({ port: 0 }, async (conn) => {
   *   while (await conn.recv() !== null); // until the client ends its side
   *   await conn.send(`${conn.bytesReceived} bytes`);
   * });
   * await using conn = await connect({ port: server.addr.port });
   * await conn.send(new Uint8Array(100_000));
   * await conn.closeWrite();
   * console.log(await new Response(conn.readable).text()); // 100000 bytes
   * ```
   */
  closeWrite(): Promise<void>;
  /**
   * Lets go of the socket at once; waiting calls reject with `EBADF`. What
   * `send` resolved for still arrives, unless the peer's bytes are left
   * unread: the kernel then resets the connection. The orderly end is
   * `closeWrite()`, `recv()` until `null`, `close()`; {@linkcode serve} does
   * that for its handlers. Idempotent.
   *
   * @example The orderly end
   * ```ts
   * import { connect, serveEcho } from "@parley/echo";
   *
   * await using server = await serveEcho({ port: 0 });
   * const conn = await connect({ port: server.addr.port });
   * await conn.send("the last words");
   * await conn.closeWrite();
   * while (await conn.recv() !== null); // what the peer still says
   * await conn.close();
   * ```
   */
  close(): Promise<void>;
}

/**
 * A UDP socket: messages with boundaries, no connection, no promise that they
 * arrive. What one peer's machine reports back, as that nobody listens there,
 * does not end it.
 *
 * `for await` receives one datagram after the other, and ends when the socket
 * is closed; leaving the loop early does not close it. Leaving the scope of
 * an `await using` does.
 *
 * @example
 * ```ts
 * import { bind } from "@parley/echo";
 *
 * await using a = await bind({ port: 0 });
 * await using b = await bind({ port: 0 });
 * for (const word of ["one", "two", "stop"]) await a.sendTo(word, b.addr);
 * for await (const [data, from] of b) {
 *   const word = new TextDecoder().decode(data);
 *   if (word === "stop") break;
 *   console.log(`${word} from port ${from.port}`);
 * }
 * ```
 */
export interface DatagramSocket
  extends
    AsyncDisposable,
    AsyncIterable<[Uint8Array<ArrayBuffer>, NetAddress<"udp">]> {
  /** The bound address, its port real even if 0 was asked for. */
  readonly addr: NetAddress<"udp">;
  /**
   * Datagrams thrown away because nobody received them and 4 MiB were waiting
   * already, each counted as 256 bytes more than it has. What the kernel
   * throws away before, no runtime tells.
   */
  readonly dropped: number;
  /**
   * Waits for the next datagram, whole, and who sent it; an empty one is one.
   * The array is yours to keep and change. Several waiting calls are served in
   * order. Rejects with `EBADF` once the socket is closed, and with
   * `signal.reason` when aborted, which loses no datagram.
   *
   * @param options A signal to give up.
   *
   * @example Asks again where no answer came
   * ```ts
   * import { bind, serveEcho } from "@parley/echo";
   *
   * await using server = await serveEcho({ transport: "udp", port: 0 });
   * await using socket = await bind({ port: 0 });
   * const reply = () => socket.recvFrom({ signal: AbortSignal.timeout(1000) });
   * await socket.sendTo("ping", server.addr);
   * const [data] = await reply().catch(async () => {
   *   await socket.sendTo("ping", server.addr);
   *   return await reply();
   * });
   * console.log(data.length); // 4
   * ```
   */
  recvFrom(
    options?: AbortOptions,
  ): Promise<[Uint8Array<ArrayBuffer>, NetAddress<"udp">]>;
  /**
   * Sends one datagram; resolves once the runtime has taken it. Rejects with
   * `EMSGSIZE` above 65507 bytes, `EAFNOSUPPORT` for the other IP version,
   * `ENOTFOUND` for an unknown name, `EACCES` where Deno may not send there,
   * `EBADF` after `close()`, and with `TypeError` or `RangeError` for wrong
   * arguments. The socket lives on.
   *
   * @param data The bytes, or the text as UTF-8; none is a datagram too.
   * @param to Where: a name or an IP, and a port from 1 to 65535.
   */
  sendTo(
    data: Uint8Array | string,
    to: { hostname: string; port: number },
  ): Promise<void>;
  /**
   * Closes the socket; waiting `recvFrom`s reject with `EBADF`, and what
   * nobody received is gone. Resolves when the port can be bound again.
   * Idempotent.
   */
  close(): Promise<void>;
}
