// The interface of sockets, with the types of addresses and options.
import type { Address, NetAddress } from "./address.ts";
import type { StartTlsOptions } from "./options.ts";

export * from "./address.ts";
export * from "./options.ts";

/**
 * Options of the calls that wait for a peer: {@linkcode Listener.accept},
 * {@linkcode Connection.recv} and {@linkcode DatagramSocket.recvFrom}. An
 * aborted call loses nothing: the next call gets it.
 *
 * @category Options
 */
export interface AbortOptions {
  /** Aborts the wait: the call then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/**
 * What {@linkcode Connection.send} takes; text goes out as UTF-8.
 *
 * @category Connect
 */
export type SendData = Uint8Array | string | readonly (Uint8Array | string)[];

/**
 * Options of {@linkcode Connection.recvUntil} and of its lines.
 *
 * @category Options
 */
export interface FrameOptions extends AbortOptions {
  /**
   * The most bytes that a message may have, its delimiter included; one that
   * has more rejects with `EMSGSIZE`.
   *
   * @default 65536
   */
  maxBytes?: number | undefined;
}

/**
 * Options of {@linkcode Connection.pipeTo}.
 *
 * @category Options
 */
export interface PipeOptions extends AbortOptions {
  /**
   * Leaves the destination open at the end, instead of calling its
   * `closeWrite()`.
   *
   * @default false
   */
  preventClose?: boolean | undefined;
}

/**
 * A listening socket. Until {@linkcode Listener.accept} takes them, at most
 * `backlog` connections wait in a queue, and the bytes from their peers wait
 * with them.
 *
 * `for await` accepts one connection after the other, and ends when the
 * listener is closed. Leaving the loop early does not close the listener;
 * leaving the scope of an `await using` does. A connection that fails before it
 * is accepted, as in its TLS handshake, is dropped without an error.
 *
 * @example A hand-written accept loop
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
 *
 * @category Connect
 */
export interface Listener<A extends Address = Address, Peer extends Address = A>
  extends AsyncDisposable, AsyncIterable<Connection<Peer>> {
  /**
   * The bound address; its port is the real one, even if 0 was asked for. For a
   * Unix socket, the path as given in the options.
   */
  readonly addr: A;
  /**
   * Waits for the next connection. Concurrent calls resolve in order.
   *
   * Rejects with `EBADF` once the listener is closed, and with `signal.reason`
   * when aborted, which loses no connection.
   *
   * @param options A signal to abort the wait.
   */
  accept(options?: AbortOptions): Promise<Connection<Peer>>;
  /**
   * Stops listening: pending `accept` calls reject with `EBADF`, connections in
   * the queue are reset over TCP, as kernels do, and closed over Unix sockets
   * and, on Deno, TLS; accepted ones stay open. Resolves when the address
   * can be bound again; rejects with `SocketError` if the file of a Unix socket
   * cannot be removed, but is closed all the same. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * What a TLS handshake has negotiated and verified.
 *
 * @example The certificate that the server has proved to own
 * ```ts
 * import type { Connection } from "@parley/echo";
 *
 * async function fingerprint({ tls }: Connection): Promise<string | undefined> {
 *   if (tls?.peerCertificate === undefined) return undefined;
 *   const hash = await crypto.subtle.digest("SHA-256", tls.peerCertificate);
 *   return new Uint8Array(hash).toHex();
 * }
 * console.log(typeof fingerprint);
 * ```
 *
 * @category TLS
 */
export interface TlsInfo {
  /** The version of TLS. */
  readonly protocol: "TLSv1.2" | "TLSv1.3";
  /** The cipher suite by its IANA name, as `"TLS_AES_128_GCM_SHA256"`. */
  readonly cipher: string;
  /** The protocol negotiated by ALPN, if any. */
  readonly alpnProtocol?: string;
  /**
   * On a client, the name or IP that the server's certificate is valid for; on
   * a server, the name that the client asked for, if any. The client chose it,
   * so escape it where it becomes text.
   */
  readonly serverName?: string;
  /**
   * The peer's own certificate, DER. It is always verified: on a server it is
   * that of a client that `clientAuth` has admitted.
   */
  readonly peerCertificate?: Uint8Array<ArrayBuffer>;
}

/**
 * A stream of bytes to and from one peer, the same over TCP, TLS and Unix
 * sockets. The two directions are independent and end separately. Leaving the
 * scope of an `await using` closes the connection.
 *
 * - {@linkcode Connection.recv | recv}, {@linkcode Connection.recvExactly | recvExactly},
 *   {@linkcode Connection.recvUntil | recvUntil}, {@linkcode Connection.lines | lines}
 *   and `for await` receive;
 * - {@linkcode Connection.send | send} sends,
 *   {@linkcode Connection.pipeTo | pipeTo} relays,
 *   {@linkcode Connection.startTls | startTls} goes on with TLS;
 * - {@linkcode Connection.closeWrite | closeWrite} ends this side,
 *   {@linkcode Connection.close | close} lets go of both,
 *   {@linkcode Connection.reset | reset} cuts them off.
 *
 * The bytes of one `send` may arrive in several `recv` calls, or together with
 * others: the protocol marks where messages end, by a length or a delimiter.
 *
 * @example Receive until the peer ends its side
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
 *
 * @category Connect
 */
export interface Connection<A extends Address = Address>
  extends AsyncDisposable, AsyncIterable<Uint8Array<ArrayBuffer>> {
  /**
   * The local address; with `proxyProtocol`, the address that the client
   * connected to. Available after the close, too.
   */
  readonly localAddr: A;
  /**
   * The peer's address; with `proxyProtocol`, the client's. Available after the
   * close, too.
   */
  readonly remoteAddr: A;
  /** What TLS has negotiated; available after the close, too. */
  readonly tls: TlsInfo | undefined;
  /** Bytes returned by `recv`, `pipeTo` and `readable` so far. */
  readonly bytesReceived: number;
  /** Bytes that the runtime has taken from `send`, `pipeTo` and `writable`. */
  readonly bytesSent: number;
  /**
   * Resolves once the connection is over: `close()` or `reset()` was called, the
   * peer has reset it, it failed, or both sides have ended. Never rejects.
   * Costs nothing until it is first read.
   *
   * A reset is noticed also while no call receives: from the first use on, the
   * connection reads ahead up to the next bytes of the peer, one chunk, which
   * the next receive gets. While those wait, and on every runtime, only a send
   * notices. A peer that has ended its side may still receive; if it has closed
   * its socket, the reset comes as the answer to the next send. A peer that
   * vanished without a word is never noticed, see `keepAlive`.
   *
   * @example Stop a task when its client is gone
   * ```ts
   * import { connect, serve } from "@parley/echo";
   *
   * await using server = await serve({ port: 0 }, async (conn) => {
   *   const stop = new AbortController();
   *   conn.closed.then(() => stop.abort());
   *   while (!stop.signal.aborted) {
   *     await conn.send("tick");
   *     await new Promise((resolve) => setTimeout(resolve, 10));
   *   }
   * });
   * const client = await connect({ port: server.addr.port });
   * await client.recv();
   * await client.close();
   * ```
   */
  readonly closed: Promise<void>;
  /**
   * A web stream over `recv`, created on first use; it reads only on demand. It
   * ends when the peer ends its side, and the connection stays open. Canceling
   * it affects neither sending nor a later `recv`.
   *
   * @example All of it as text
   * ```ts
   * import { connect, serveGreeting } from "@parley/echo";
   *
   * await using server = await serveGreeting({ port: 0, message: "Hello" });
   * await using conn = await connect({ port: server.addr.port });
   * console.log(await new Response(conn.readable).text()); // Hello
   * ```
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * A web stream over `send`; closing it calls `closeWrite()`, aborting it calls
   * `close()`.
   *
   * @example Send a body
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
   * Receives 1 to `maxBytes` bytes, as they arrive, or `null` once the peer has
   * ended its side, also on every later call. The caller may keep and change
   * the array; its `buffer` may be longer. While no call is pending, the kernel
   * holds back the peer. An aborted `recv` loses nothing.
   *
   * Rejects with `EBUSY` while another `recv`, a `pipeTo` or a read of
   * `readable` is pending, `EBADF` after `close()`, `ECONNRESET` when the peer
   * reset the connection, `EPROTO` when TLS failed, `signal.reason` when
   * aborted, and with `RangeError` or `TypeError` for a wrong `maxBytes`.
   *
   * @param maxBytes The most bytes to return, at least 1; by default 65536.
   * @param options A signal to abort the wait.
   *
   * @example Wait with a timeout, then go on
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
   * Receives exactly `length` bytes, or `null` if the peer has ended its side
   * before the first of them. A call that fails has taken nothing: the next one
   * goes on at the same byte.
   *
   * Rejects like `recv`, and with `EOF` if the peer ends before the last byte.
   * Memory is taken as bytes come, but check a length that the peer sent.
   *
   * @param length The number of bytes; of 0 none are waited for.
   * @param options A signal to abort the wait.
   *
   * @example Messages behind their lengths
   * ```ts
   * import { connect, serveEcho } from "@parley/echo";
   *
   * await using server = await serveEcho({ port: 0 });
   * await using conn = await connect({ port: server.addr.port });
   * await conn.send([new Uint8Array([0, 5]), "hello"]);
   * const head = await conn.recvExactly(2);
   * if (head === null) throw new Error("The peer has left");
   * const body = await conn.recvExactly(256 * head[0] + head[1]);
   * console.log(new TextDecoder().decode(body ?? undefined)); // hello
   * ```
   */
  recvExactly(
    length: number,
    options?: AbortOptions,
  ): Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * Receives up to a delimiter and returns it, too; `null` if the peer has ended
   * its side before the first byte. A call that fails has taken nothing.
   *
   * Rejects like `recv`, with `EOF` if the peer ends before the delimiter, and
   * with `EMSGSIZE` if it is not within `maxBytes`.
   *
   * @param delimiter The bytes or the text that end a message, not empty.
   * @param options The most bytes to wait for, and a signal to abort.
   *
   * @example The header of a request
   * ```ts
   * import { connect, serveEcho } from "@parley/echo";
   *
   * await using server = await serveEcho({ port: 0 });
   * await using conn = await connect({ port: server.addr.port });
   * await conn.send("GET / HTTP/1.1\r\nHost: here\r\n\r\nbody");
   * const header = await conn.recvUntil("\r\n\r\n", { maxBytes: 8192 });
   * console.log(header?.length); // 30
   * ```
   */
  recvUntil(
    delimiter: Uint8Array | string,
    options?: FrameOptions,
  ): Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * Receives lines of UTF-8 without their `\n` or `\r\n`, until the peer ends
   * its side; the last line may lack its end. Each step is one receive: it fails
   * as `recvUntil` does, and leaving the loop early loses nothing.
   *
   * @param options The most bytes of a line, and a signal to abort.
   *
   * @example Print lines
   * ```ts
   * import { connect, serveGreeting } from "@parley/echo";
   *
   * const message = "one\ntwo\nthree\n";
   * await using server = await serveGreeting({ port: 0, message });
   * await using conn = await connect({ port: server.addr.port });
   * for await (const line of conn.lines()) console.log(line);
   * ```
   */
  lines(options?: FrameOptions): AsyncIterableIterator<string>;
  /**
   * Receives until the peer ends its side: each step is a `recv()`. Leaving the
   * loop early loses nothing, and closes nothing.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array<ArrayBuffer>>;
  /**
   * Sends all the data, a string as UTF-8, an array of parts as one. Resolves
   * once the runtime has taken every byte, so awaiting it applies backpressure;
   * do not change the array until then. Concurrent sends keep their order and
   * never mix.
   *
   * Rejects with `EPIPE` after `closeWrite()` or when the peer is gone,
   * `ECONNRESET` when the peer reset the connection, `EBADF` after `close()`,
   * and with `TypeError` for data that is neither bytes nor text.
   *
   * @param data The bytes or the text, or an array of them.
   */
  send(data: SendData): Promise<void>;
  /**
   * Goes on over TLS, as a protocol's STARTTLS asks for, and resolves with the
   * connection to use from then on; this one is spent, and its calls reject with
   * `EBADF`. What was received before belongs to the handshake: it is never
   * handed out as if it had been encrypted (CVE-2021-23222). So take the peer's
   * consent by `recvUntil` or `recvExactly`, and look at nothing beyond.
   *
   * Rejects with `EBUSY` while a receive or a send is pending, `EBADF` after
   * `close()`, `EPIPE` after `closeWrite()`, `ENOTSUP` if it is TLS already, all
   * of which leave the connection as it was; with `EPROTO`, `ETIMEDOUT` (a
   * server's handshake takes ten seconds at most), `EBADF` after a `close()`
   * meanwhile, or `signal.reason` it is closed. A client waits for as long as
   * its server is silent, so give it a signal: `AbortSignal.timeout(5000)`.
   *
   * @param options Those of a TLS client, by default; the name to verify is
   * `serverName`, or else the `hostname` that `connect` was given.
   *
   * @example A server's side and a client's
   * ```ts
   * import { connect, serve, type TlsIdentity } from "@parley/echo";
   *
   * async function upgrade(identity: TlsIdentity, caCerts: string[]) {
   *   await using server = await serve({ port: 0 }, async (plain) => {
   *     if (await plain.recvUntil("\n") === null) return;
   *     await plain.send("go ahead\n");
   *     await using conn = await plain.startTls({ ...identity, serverSide: true });
   *     await conn.send("secret\n");
   *   });
   *   const plain = await connect({ port: server.addr.port });
   *   await plain.send("STARTTLS\n");
   *   await plain.recvUntil("\n");
   *   await using conn = await plain.startTls({
   *     caCerts,
   *     signal: AbortSignal.timeout(5000),
   *   });
   *   console.log(conn.tls?.protocol);
   * }
   * console.log(typeof upgrade);
   * ```
   */
  startTls(options?: StartTlsOptions): Promise<Connection<A>>;
  /**
   * Sends the received bytes to `destination` until the peer ends its side, then
   * calls `destination.closeWrite()`. The fastest way to relay: it copies
   * nothing and applies backpressure. Meanwhile `recv` rejects with `EBUSY`.
   *
   * Rejects like `recv` of this connection and `send` of the destination; both
   * stay open then, but bytes read and not yet sent are lost: end them by
   * `reset()`, as {@linkcode serve} does with the connection of its handler. An abort stops it
   * between chunks: bytes already read are still sent, and the next `recv` gets
   * the rest.
   *
   * @param destination The receiver; the connection itself makes an echo.
   * @param options A signal to stop, and whether to leave the destination open.
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
   * Ends this side after the queued sends: the peer receives them, then `null`.
   * Receiving goes on. Idempotent. Rejects with `EBADF` after `close()`.
   *
   * @example End a request, and receive the reply
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
   * Closes the socket at once; pending calls reject with `EBADF`. Bytes for
   * which `send` resolved still arrive, unless bytes from the peer are unread:
   * the kernel then resets the connection. The orderly end is `closeWrite()`,
   * `recv()` until `null`, `close()`; {@linkcode serve} does that for its
   * handlers. Idempotent.
   *
   * @example The orderly end
   * ```ts
   * import { connect, serveEcho } from "@parley/echo";
   *
   * await using server = await serveEcho({ port: 0 });
   * const conn = await connect({ port: server.addr.port });
   * await conn.send("the last words");
   * await conn.closeWrite();
   * while (await conn.recv() !== null); // discards what the peer still sends
   * await conn.close();
   * ```
   */
  close(): Promise<void>;
  /**
   * Closes the socket at once with a TCP reset (RST) on Bun and Node.js, TLS
   * included: the peer's calls fail with `ECONNRESET`, so it cannot take what it
   * got for a whole message. Queued sends are dropped, and bytes for which
   * `send` resolved may be lost. Deno cannot reset, and Unix sockets have no
   * reset: there it is a `close()`, on TLS without a close_notify. Pending calls
   * reject with `EBADF`. Idempotent, and does nothing after `close()`.
   *
   * @example Give up a reply in its middle
   * ```ts
   * import { connect, serve } from "@parley/echo";
   *
   * await using server = await serve({ port: 0 }, async (conn) => {
   *   await conn.recv();
   *   await conn.send("half of the rep");
   *   await conn.reset();
   * });
   * await using conn = await connect({ port: server.addr.port });
   * await conn.send("the request");
   * await new Response(conn.readable).text()
   *   .catch((error) => console.log(error.code)); // ECONNRESET
   * ```
   */
  reset(): Promise<void>;
}

/**
 * A UDP socket: messages with boundaries, no connection, no guarantee that they
 * arrive. An ICMP error from one peer, such as a closed port, does not end the
 * socket. It is not reported either, as none is connected to one peer: a port
 * without a listener is silent, so give `recvFrom` a `signal`.
 *
 * `for await` receives one datagram after the other, and ends when the socket
 * is closed. Leaving the loop early does not close the socket; leaving the scope
 * of an `await using` does.
 *
 * @example Usage
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
 *
 * @category UDP
 */
export interface DatagramSocket
  extends
    AsyncDisposable,
    AsyncIterable<[Uint8Array<ArrayBuffer>, NetAddress<"udp">]> {
  /** The bound address; its port is the real one, even if 0 was asked for. */
  readonly addr: NetAddress<"udp">;
  /**
   * Datagrams dropped because the queue was full: it holds 4 MiB, of which each
   * datagram takes its length and 256 bytes. The datagrams that the kernel
   * drops are not counted, since no runtime reports them.
   */
  readonly dropped: number;
  /**
   * Receives the next datagram, whole, with the sender's address; it may be
   * empty. The caller may keep and change the array. Concurrent calls resolve in
   * order.
   *
   * Rejects with `EBADF` once the socket is closed, and with `signal.reason`
   * when aborted, which loses no datagram.
   *
   * @param options A signal to abort the wait.
   *
   * @example Repeat a request that got no reply
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
   * Sends one datagram; resolves once the runtime has taken it.
   *
   * Rejects with `EMSGSIZE` above 65507 bytes, `EAFNOSUPPORT` for the other IP
   * version, `ENOTFOUND` for a name without an address of this socket's version,
   * `ENETUNREACH` or `EHOSTUNREACH` without a route, `EINVAL` to another machine
   * from a socket bound to 127.0.0.1, `EACCES` without Deno's
   * permission for that address, `EBADF` after `close()`, and with `TypeError` or
   * `RangeError` for wrong arguments. The socket stays usable.
   *
   * @param data The bytes, or the text as UTF-8; may be empty.
   * @param to The destination: a name or an IP, and a port from 1 to 65535.
   */
  sendTo(
    data: Uint8Array | string,
    to: { hostname: string; port: number },
  ): Promise<void>;
  /**
   * Joins a multicast group, to receive the datagrams sent to it. The socket
   * must be bound to `"0.0.0.0"` or `"::"`. One that is bound to the IPv4 address
   * of an interface sends there; others send where the system's routes lead, for
   * IPv6 to the interface that the destination names: `"ff02::fb%eth0"`.
   *
   * Rejects with `EADDRINUSE` if it is joined already, with `ENODEV` if no
   * interface has the address, with `EACCES` without Deno's permission to list
   * the interfaces, which IPv6 needs, with `EBADF` after `close()`, and with
   * `TypeError` for what is no multicast address of the socket's IP version.
   *
   * @param group The group: 224.0.0.0 to 239.255.255.255, or of ff00::/8.
   * @param interfaceAddress An IP of the interface to receive on, also as
   * `"::%eth0"`; by default the one that the system's routes name.
   *
   * @example Receive what is sent to a group on this machine
   * ```ts
   * import { bind } from "@parley/echo";
   *
   * const group = "239.255.70.70";
   * await using member = await bind({ hostname: "0.0.0.0", port: 0 });
   * await member.joinMulticast(group, "127.0.0.1");
   * await using sender = await bind({ hostname: "127.0.0.1", port: 0 });
   * await sender.sendTo("hi", { hostname: group, port: member.addr.port });
   * const [data] = await member.recvFrom();
   * console.log(new TextDecoder().decode(data)); // hi
   * ```
   */
  joinMulticast(group: string, interfaceAddress?: string): Promise<void>;
  /**
   * Leaves a multicast group; `close()` leaves all.
   *
   * Rejects with `EADDRNOTAVAIL` if it is not joined on that interface, and
   * otherwise as {@linkcode DatagramSocket.joinMulticast}.
   *
   * @param group The group.
   * @param interfaceAddress The interface, as it was joined.
   */
  leaveMulticast(group: string, interfaceAddress?: string): Promise<void>;
  /**
   * Closes the socket: pending `recvFrom` calls reject with `EBADF`, and queued
   * datagrams are discarded. Resolves when the port can be bound again.
   * Idempotent.
   */
  close(): Promise<void>;
}
