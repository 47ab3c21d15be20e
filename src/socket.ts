// The interface. Where a socket is and how it is opened are parts of it.
import type { Address, NetAddress } from "./address.ts";

export * from "./address.ts";
export * from "./options.ts";

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
