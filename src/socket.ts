/** The address of a TCP or UDP socket: an IP and a port. */
export interface NetAddress<
  Transport extends "tcp" | "udp" = "tcp" | "udp",
> {
  /** The protocol that carries it. */
  transport: Transport;
  /** The IP address, without brackets: `127.0.0.1`, `::1`. */
  hostname: string;
  /** The port, 1 to 65535. */
  port: number;
}

/** The address of a Unix domain socket: a path. */
export interface UnixAddress {
  /** The protocol that carries it. */
  transport: "unix";
  /** The path of the socket file; empty for a peer that has none. */
  path: string;
}

/** Where a socket is: the real one, after names and port 0 are resolved. */
export type Address = NetAddress | UnixAddress;

/** The kind of address that these options lead to. */
export type AddressOf<Options> = Options extends { transport: "unix" }
  ? UnixAddress
  : NetAddress<"tcp">;

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

/** What a TLS listener shows its clients. */
export interface TlsListenOptions {
  /** The certificate chain, PEM. */
  cert: string;
  /** The private key of the certificate, PEM. */
  key: string;
  /** The ALPN protocols on offer, the preferred first. */
  alpnProtocols?: string[];
}

/** What a TLS client believes and asks for. */
export interface TlsConnectOptions {
  /** Certificates to trust beside the runtime's own, PEM. */
  caCerts?: string[];
  /** The name that the certificate must carry; `hostname` unless given. */
  serverName?: string;
  /** The ALPN protocols on offer, the preferred first. */
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

/** Options of {@linkcode listen} for TCP, with `tls` for TLS on top of it. */
export interface TcpListenOptions {
  /** The transport, `"tcp"` unless given. */
  transport?: "tcp";
  /** The name or IP to bind, `"127.0.0.1"` unless given: nobody else's. */
  hostname?: string;
  /** The port, 0 to 65535; 0 lets the system choose, see `addr`. */
  port: number;
  /** Connections that may wait to be accepted; 511 unless given. */
  backlog?: number;
  /** Share the port with other processes that ask for the same. */
  reusePort?: boolean;
  /** Probe idle peers, so that one which vanished is noticed. */
  keepAlive?: boolean;
  /** Speak TLS. */
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

/** Options of {@linkcode listen} for a Unix domain socket. */
export interface UnixListenOptions {
  /** The transport. */
  transport: "unix";
  /** The socket file to make; it goes with `close()`. */
  path: string;
  /**
   * The permission bits of the file, as `0o600`; the umask's unless given. On
   * Deno without `--allow-sys` they are set a moment after the file is made.
   */
  mode?: number;
  /**
   * Remove a socket file that a server left behind, one that nobody answers
   * at; without it, and for any other file, the path is `EADDRINUSE`.
   */
  removeStale?: boolean;
  /** Connections that may wait to be accepted; 511 unless given. */
  backlog?: number;
  /**
   * Serve the clients of a proxy, as {@linkcode TcpListenOptions} has it. Who
   * may connect may claim any address: see that `mode`, or the folder, lets in
   * nobody but the proxy.
   */
  proxyProtocol?: boolean;
}

/** Where to listen. */
export type ListenOptions = TcpListenOptions | UnixListenOptions;

/** Options of {@linkcode connect} for TCP, with `tls` for TLS on top of it. */
export interface TcpConnectOptions {
  /** The transport, `"tcp"` unless given. */
  transport?: "tcp";
  /** The name or IP to reach, `"127.0.0.1"` unless given. */
  hostname?: string;
  /** The port, 1 to 65535. */
  port: number;
  /** Probe the idle peer, so that one which vanished is noticed. */
  keepAlive?: boolean;
  /** Speak TLS, to a verified peer. */
  tls?: true | TlsConnectOptions;
  /** Gives up: `connect` then rejects with `signal.reason`. */
  signal?: AbortSignal;
}

/** Options of {@linkcode connect} for a Unix domain socket. */
export interface UnixConnectOptions {
  /** The transport. */
  transport: "unix";
  /** The socket file of the server. */
  path: string;
  /** Gives up: `connect` then rejects with `signal.reason`. */
  signal?: AbortSignal;
}

/** Where to connect. */
export type ConnectOptions = TcpConnectOptions | UnixConnectOptions;

/** Options of {@linkcode bind}. */
export interface BindOptions {
  /** The transport, `"udp"` unless given. */
  transport?: "udp";
  /** The name or IP to bind, `"127.0.0.1"` unless given: nobody else's. */
  hostname?: string;
  /** The port, 0 to 65535; 0 lets the system choose, see `addr`. */
  port: number;
}

/** An option of every call that waits. */
export interface AbortOptions {
  /** Gives up waiting: the call then rejects with `signal.reason`. */
  signal?: AbortSignal;
}

/** Options of {@linkcode Connection.pipeTo}. */
export interface PipeOptions extends AbortOptions {
  /** Leave the destination open at the end, instead of its `closeWrite()`. */
  preventClose?: boolean;
}

/**
 * A listening socket. Connections wait in a queue of at most `backlog`, and
 * what their peers send waits with them, until {@linkcode Listener.accept}.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@parley/echo";
 *
 * await using listener = await listen({ port: 0 });
 * await using client = await connect({ port: listener.addr.port });
 * await using server = await listener.accept();
 * await client.send("hello");
 * console.log(new TextDecoder().decode(await server.recv() ?? undefined));
 * ```
 */
export interface Listener<A extends Address = Address>
  extends AsyncDisposable, AsyncIterable<Connection> {
  /** The bound address, its port real even if 0 was asked for. */
  readonly addr: A;
  /**
   * Waits for the next connection; several waiting calls are served in order.
   * Rejects with `EBADF` once the listener is closed.
   */
  accept(options?: AbortOptions): Promise<Connection>;
  /**
   * Stops listening: waiting `accept`s reject with `EBADF`, connections that
   * were not accepted are closed, accepted ones live on. Resolves when the
   * address can be bound again.
   */
  close(): Promise<void>;
}

/**
 * A stream of bytes to and from one peer, the same over TCP, TLS and Unix.
 * The two directions are independent and end one by one.
 *
 * @example
 * ```ts
 * import { connect, serveEcho } from "@parley/echo";
 *
 * await using server = await serveEcho({ port: 0 });
 * await using conn = await connect({ port: server.addr.port });
 * await conn.send("hello");
 * await conn.closeWrite();
 * for (let data; (data = await conn.recv()) !== null;) console.log(data.length);
 * ```
 */
export interface Connection extends AsyncDisposable {
  /** This end's address; with `proxyProtocol`, what the client connected to. */
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
  /** `recv` as a web stream; made, and reading, only when used. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** `send` as a web stream; closing it is `closeWrite()`, aborting `close()`. */
  readonly writable: WritableStream<Uint8Array>;
  /**
   * Waits for bytes: 1 to `maxBytes` of them as they come, yours to keep and
   * change, or `null` once the peer has ended its side. While nobody receives,
   * the peer is held back by the kernel. An aborted `recv` loses nothing.
   *
   * Rejects with `EBUSY` while another call receives, `EBADF` after `close()`,
   * `ECONNRESET` when the peer cut the connection.
   *
   * @param maxBytes The most to return, 65536 unless given.
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
   * `ECONNRESET` when it cut the connection, `EBADF` after `close()`.
   */
  send(data: Uint8Array | string): Promise<void>;
  /**
   * Sends everything received here to `destination` until the peer ends, then
   * calls `destination.closeWrite()`. The fast way to relay: no copies, and
   * backpressure holds. Rejects like `recv` here and `send` there. An abort
   * stops it between chunks: what was read is still sent, the rest is left
   * to the next `recv`.
   */
  pipeTo(destination: Connection, options?: PipeOptions): Promise<void>;
  /**
   * Ends this side, after the queued sends: the peer reads to the end and then
   * `null`. Receiving goes on. Idempotent.
   */
  closeWrite(): Promise<void>;
  /**
   * Lets go of the socket at once; waiting calls reject with `EBADF`. What
   * `send` resolved for still arrives, unless the peer's bytes are left
   * unread: the kernel then resets the connection. The orderly end is
   * `closeWrite()`, `recv()` until `null`, `close()`. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * A UDP socket: messages with boundaries, no connection.
 *
 * @example
 * ```ts
 * import { bind } from "@parley/echo";
 *
 * await using a = await bind({ port: 0 });
 * await using b = await bind({ port: 0 });
 * await a.sendTo("ping", b.addr);
 * const [data, from] = await b.recvFrom();
 * await b.sendTo(data, from);
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
   * already. What the kernel throws away before, no runtime tells.
   */
  readonly dropped: number;
  /**
   * Waits for the next datagram, whole, and who sent it; an empty one is one.
   * Rejects with `EBADF` once the socket is closed.
   */
  recvFrom(
    options?: AbortOptions,
  ): Promise<[Uint8Array<ArrayBuffer>, NetAddress<"udp">]>;
  /**
   * Sends one datagram; `to.hostname` may be a name. Rejects with `EMSGSIZE`
   * above 65507 bytes, `EAFNOSUPPORT` for the other IP version, `ENOTFOUND`
   * for an unknown name, `EBADF` after `close()`.
   */
  sendTo(
    data: Uint8Array | string,
    to: { hostname: string; port: number },
  ): Promise<void>;
  /** Closes the socket; waiting `recvFrom`s reject with `EBADF`. Idempotent. */
  close(): Promise<void>;
}
