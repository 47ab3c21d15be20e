import {
  type Handler,
  serve,
  type ServeOptions,
  type Server,
} from "./serve.ts";
import type { AddressOf, Connection } from "./socket.ts";

/**
 * What to say: text, bytes, or a function of the connection and, where the
 * greeting waits for it, of what the peer said first.
 */
export type Greeting =
  | string
  | Uint8Array
  | ((
    conn: Connection,
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

function checkGreeting(message: Greeting, when: string): void {
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

/** Options of {@linkcode serveGreeting}. */
export type ServeGreetingOptions = ServeOptions & GreetingOptions & {
  /** What to say. */
  message: Greeting;
};

/**
 * Serves {@linkcode greeting}.
 *
 * @param options The greeting, where, and the limits, as for {@linkcode serve}.
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
export async function serveGreeting<Options extends ServeGreetingOptions>(
  options: Options,
): Promise<Server<AddressOf<Options>>> {
  return await serve(options, greeting(options.message, options));
}
