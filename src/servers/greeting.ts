import { checkFunctions } from "../net/validate.ts";
import {
  type DatagramHandler,
  serveDatagrams,
  type ServeDatagramsOptions,
  type ServerOf,
} from "./serve_datagrams.ts";
import { serve } from "./serve.ts";
import type { Handler, ServeOptions } from "./server.ts";
import type { Connection, NetAddress } from "../socket.ts";

/**
 * What to say: text, bytes, or a function of the connection and, where the
 * greeting waits for it, of what the peer said first. Over UDP the function is
 * given the sender's address, and the datagram.
 *
 * @example By name
 * ```ts
 * import { connect, type Greeting, serveGreeting } from "@parley/echo";
 *
 * const message: Greeting = (_conn, first) =>
 *   `Hello, ${new TextDecoder().decode(first).trim()}!`;
 *
 * const options = { port: 0, message, when: "message" } as const;
 * await using server = await serveGreeting(options);
 * await using client = await connect({ port: server.addr.port });
 * await client.send("Ada\n");
 * console.log(await new Response(client.readable).text()); // Hello, Ada!
 * ```
 */
export type Greeting<Peer = Connection> =
  | string
  | Uint8Array
  | ((
    peer: Peer,
    first?: Uint8Array,
  ) => string | Uint8Array | Promise<string | Uint8Array>);

/**
 * Options of {@linkcode greeting}.
 *
 * @example Greets who has spoken, and notes what they say
 * ```ts
 * import { connect, greeting, serve } from "@parley/echo";
 * import type { GreetingOptions } from "@parley/echo";
 *
 * const options: GreetingOptions = {
 *   when: "message",
 *   onMessage: (data) => console.log(new TextDecoder().decode(data)),
 * };
 * await using server = await serve({ port: 0 }, greeting("Hello\n", options));
 * await using client = await connect({ port: server.addr.port });
 * await client.send("Knock, knock");
 * await client.closeWrite();
 * console.log(await new Response(client.readable).text());
 * ```
 */
export interface GreetingOptions {
  /**
   * When to greet: `"connect"`, at once, unless given; `"message"`, after the
   * peer has spoken: after its first bytes, however few or many come at once.
   */
  when?: "connect" | "message";
  /**
   * Called with what the peer says, as it comes, until it ends. It is waited
   * for; when it throws, the connection is closed. Without it, the connection
   * is ended after the greeting.
   */
  onMessage?: (data: Uint8Array, conn: Connection) => void | Promise<void>;
}

/**
 * Makes the handler that sends a greeting and ends. The peer gets it whole,
 * whatever it sends meanwhile. A peer that ends before its first message is
 * not greeted where the greeting waits for one.
 *
 * Throws `TypeError` for a wrong message or option. The handler rejects as
 * `recv` and `send` do, and with what the functions throw.
 *
 * @param message What to say.
 * @param options When, and who hears the peer.
 * @returns The handler, for {@linkcode serve}.
 *
 * @example The time, as RFC 867 has it
 * ```ts
 * import { connect, greeting, serve } from "@parley/echo";
 *
 * const date = greeting(() => `${new Date().toUTCString()}\r\n`);
 * await using server = await serve({ port: 0 }, date);
 * await using client = await connect({ port: server.addr.port });
 * console.log(await new Response(client.readable).text());
 * ```
 */
export function greeting(
  message: Greeting,
  options: GreetingOptions = {},
): Handler {
  const { when = "connect", onMessage } = options;
  checkGreeting(message, when);
  checkFunctions({ onMessage }, ["onMessage"]);
  return async (conn) => {
    const first = when === "message" ? await conn.recv() : undefined;
    if (first === null) return;
    if (first !== undefined) await onMessage?.(first, conn);
    await conn.send(
      typeof message === "function" ? await message(conn, first) : message,
    );
    await conn.closeWrite();
    if (onMessage === undefined) return;
    for (let data; (data = await conn.recv()) !== null;) {
      await onMessage(data, conn);
    }
  };
}

function checkGreeting(message: unknown, when: string): void {
  if (
    typeof message !== "string" && typeof message !== "function" &&
    !(message instanceof Uint8Array)
  ) {
    throw new TypeError(
      `Invalid message "${message}": expected text, bytes or a function`,
    );
  }
  if (when !== "connect" && when !== "message") {
    throw new TypeError(
      `Invalid when "${when}": expected "connect" or "message"`,
    );
  }
}

/**
 * Options of {@linkcode serveGreeting}: a stream's, or with UDP a datagram's.
 *
 * @example Over UDP
 * ```ts
 * import { bind, serveGreeting } from "@parley/echo";
 * import type { ServeGreetingOptions } from "@parley/echo";
 *
 * const options = {
 *   transport: "udp",
 *   port: 0,
 *   message: (from, data) => `${from.hostname} sent ${data?.length} bytes`,
 * } satisfies ServeGreetingOptions;
 * await using server = await serveGreeting(options);
 * await using client = await bind({ port: 0 });
 * await client.sendTo("hello", server.addr);
 * console.log(new TextDecoder().decode((await client.recvFrom())[0]));
 * ```
 */
export type ServeGreetingOptions<
  Transport extends "tcp" | "unix" | "udp" = "tcp" | "unix" | "udp",
> = {
  tcp: ServeOptions<"tcp"> & GreetingOptions & {
    /** What to say. */
    message: Greeting;
  };
  unix: ServeOptions<"unix"> & GreetingOptions & {
    /** What to say. */
    message: Greeting;
  };
  udp: ServeDatagramsOptions & {
    /** The transport. */
    transport: "udp";
    /** What to say: for a function, to whom, and what they said. */
    message: Greeting<NetAddress<"udp">>;
    /** Called with each datagram; the reply waits for it. */
    onMessage?: (
      data: Uint8Array,
      from: NetAddress<"udp">,
    ) => void | Promise<void>;
    /** Of no effect: a datagram is a message, so nothing else is waited for. */
    when?: "connect" | "message";
  };
}[Transport];

/**
 * Serves {@linkcode greeting}, on any transport. Over UDP it is the reply to
 * each datagram, within the limits of the loop guard.
 *
 * Rejects like {@linkcode serve} or {@linkcode serveDatagrams}, and with
 * `TypeError` for a wrong message or option.
 *
 * @param options The greeting, where, and the limits.
 * @returns The running server.
 *
 * @example
 * ```ts
 * import { connect, serveGreeting } from "@parley/echo";
 *
 * await using server = await serveGreeting({ port: 0, message: "Hello!" });
 * await using client = await connect({ port: server.addr.port });
 * console.log(await new Response(client.readable).text()); // Hello!
 * ```
 */
export async function serveGreeting<
  Transport extends "tcp" | "unix" | "udp" = "tcp",
>(
  options: ServeGreetingOptions<Transport> & { transport?: Transport },
): Promise<ServerOf<Transport>> {
  // One of the three, so that its transport tells which.
  const where: ServeGreetingOptions = options;
  const server = where?.transport === "udp"
    ? await serveDatagrams(where, greetDatagram(where))
    : await serve(where, greeting(where?.message, where));
  return server as ServerOf<Transport>;
}

function greetDatagram(
  { message, when = "message", onMessage }: ServeGreetingOptions<"udp">,
): DatagramHandler {
  checkGreeting(message, when);
  checkFunctions({ onMessage }, ["onMessage"]);
  const reply = (data: Uint8Array<ArrayBuffer>, from: NetAddress<"udp">) =>
    typeof message === "function" ? message(from, data) : message;
  return async (data, from) => {
    await onMessage?.(data, from);
    return await reply(data, from);
  };
}
