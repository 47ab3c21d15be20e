import { checkFunctions } from "./check.ts";
import {
  type DatagramHandler,
  serveDatagrams,
  type ServeDatagramsOptions,
  type ServerOf,
} from "./datagrams.ts";
import { type Handler, serve, type ServeOptions } from "./serve.ts";
import type { Connection, NetAddress } from "./socket.ts";

/**
 * What to say: text, bytes, or a function of the connection and, where the
 * greeting waits for it, of what the peer said first.
 */
export type Greeting<Peer = Connection> =
  | string
  | Uint8Array
  | ((
    peer: Peer,
    first?: Uint8Array,
  ) => string | Uint8Array | Promise<string | Uint8Array>);

/** Options of {@linkcode greeting}. */
export interface GreetingOptions {
  /**
   * When to greet: `"connect"`, at once, unless given; `"message"`, after the
   * peer has spoken.
   */
  when?: "connect" | "message";
  /** Called with what the peer says, as it comes, until it ends. */
  onMessage?: (data: Uint8Array, conn: Connection) => void | Promise<void>;
}

/**
 * Makes the handler that sends a greeting and ends. The peer gets it whole,
 * whatever it sends meanwhile. A peer that ends before its first message is
 * not greeted where the greeting waits for one.
 *
 * Throws `TypeError` for a wrong message or option.
 *
 * @param message What to say.
 * @param options When, and who hears the peer.
 * @returns The handler, for {@linkcode serve}.
 *
 * @example
 * ```ts
 * import { greeting, serve } from "@parley/echo";
 *
 * const hello = greeting((conn) => `Hello, ${conn.remoteAddr.transport}!`);
 * await using server = await serve({ port: 0 }, hello);
 * console.log(server.addr);
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

/** Options of {@linkcode serveGreeting}: a stream's, or with UDP a datagram's. */
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
    /** Called with what the peer says. */
    onMessage?: (
      data: Uint8Array,
      from: NetAddress<"udp">,
    ) => void | Promise<void>;
    /** A datagram is a message, so there is nothing else to wait for. */
    when?: "connect" | "message";
  };
}[Transport];

/**
 * Serves {@linkcode greeting}, on any transport. Over UDP it is the reply to
 * each datagram, within the limits of the loop guard.
 *
 * Rejects like {@linkcode listen} or {@linkcode bind}.
 *
 * @param options The greeting, where, and the limits.
 * @returns The running server.
 *
 * @example
 * ```ts
 * import { serveGreeting } from "@parley/echo";
 *
 * await using server = await serveGreeting({ port: 0, message: "Hello!" });
 * console.log(server.addr);
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
