import { type Keys, ownOptions, pickOptions } from "../net/own_options.ts";
import { isUdp, isUnix, ownBind, ownListen } from "../net/validate.ts";
import { checkFunctions } from "../net/validate_values.ts";
import type {
  DatagramHandler,
  DatagramServer,
  DatagramServerOptions,
} from "./datagram_server.ts";
import type { ServeEchoOptions } from "./echo.ts";
import { DATAGRAM_SERVER, TCP_SERVER, UNIX_SERVER } from "./option_keys.ts";
import { serve } from "./serve.ts";
import { serveDatagrams } from "./serve_datagrams.ts";
import type { Handler, Server, ServerOf, ServerOptions } from "./server.ts";
import type {
  BindOptions,
  Connection,
  ListenOptions,
  NetAddress,
} from "../socket.ts";

/**
 * A greeting: text, bytes, or a function that returns one of them. The function
 * receives the connection and, with `when: "message"`, the peer's first bytes;
 * over UDP the sender's address and the datagram.
 *
 * @category Serve
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
 * @category Options
 */
export interface GreetingOptions {
  /**
   * When to send the greeting: `"connect"`, at once; `"message"`, after the
   * first bytes from the peer, however few or many arrive together.
   *
   * @default "connect"
   */
  when?: "connect" | "message" | undefined;
  /**
   * Called with the peer's bytes as they arrive, until it ends its side. The
   * handler waits for it; when it throws, the connection is closed. Without it,
   * the connection ends after the greeting.
   */
  onMessage?:
    | ((data: Uint8Array, conn: Connection) => void | Promise<void>)
    | undefined;
}

const GREETING: Keys<GreetingOptions> = { when: true, onMessage: true };

/** The options of `serveGreeting` in addition to those of its server. */
const WITH_MESSAGE: Keys<GreetingOptions & { message: unknown }> = {
  ...GREETING,
  message: true,
};

/**
 * Creates the handler that sends a greeting and ends the connection. The peer
 * receives all of it, whatever it sends meanwhile. With `when: "message"`, a
 * peer that ends its side before its first byte gets no greeting.
 *
 * Throws `TypeError` for a wrong message or option. The handler rejects like
 * `recv` and `send`, and with what the functions throw.
 *
 * @param message The greeting.
 * @param options When to send it, and a callback for the peer's bytes.
 * @returns The handler, for {@linkcode serve}.
 *
 * @example The time (RFC 867)
 * ```ts
 * import { connect, greeting, serve } from "@parley/echo";
 *
 * const date = greeting(() => `${new Date().toUTCString()}\r\n`);
 * await using server = await serve({ port: 0 }, date);
 * await using client = await connect({ port: server.addr.port });
 * console.log(await new Response(client.readable).text());
 * ```
 *
 * @example Answer the first message, and log the rest
 * ```ts
 * import { connect, greeting, serve } from "@parley/echo";
 *
 * const text = (bytes?: Uint8Array) => new TextDecoder().decode(bytes);
 * const hello = greeting((_conn, first) => `Hello, ${text(first).trim()}!`, {
 *   when: "message",
 *   onMessage: (data) => console.log(text(data)),
 * });
 * await using server = await serve({ port: 0 }, hello);
 * await using client = await connect({ port: server.addr.port });
 * await client.send("Ada\n");
 * await client.closeWrite();
 * console.log(await new Response(client.readable).text()); // Hello, Ada!
 * ```
 *
 * @category Serve
 */
export function greeting(
  message: Greeting,
  options: GreetingOptions = {},
): Handler {
  const own = ownOptions("greeting", options, GREETING);
  const { when = "connect", onMessage } = own;
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
 * Options of {@linkcode serveGreeting}: the greeting and the options of
 * {@linkcode serve} or, with `transport: "udp"`, {@linkcode serveDatagrams}.
 *
 * @category Options
 */
export type ServeGreetingOptions<
  Transport extends "tcp" | "unix" | "udp" | undefined = "tcp" | "unix" | "udp",
> = Transport extends "udp" ? BindOptions & DatagramServerOptions & {
    /** The transport. */
    transport: "udp";
    /** The greeting; a function receives the sender and the datagram. */
    message: Greeting<NetAddress<"udp">>;
    /** Called with each datagram; the reply waits for it. */
    onMessage?:
      | ((data: Uint8Array, from: NetAddress<"udp">) => void | Promise<void>)
      | undefined;
    /** Has no effect: each datagram is a message, and the greeting its reply. */
    when?: "connect" | "message" | undefined;
  }
  :
    & ListenOptions<Exclude<Transport, "udp">>
    & ServerOptions
    & GreetingOptions
    & {
      /** The greeting. */
      message: Greeting;
    };

/**
 * Serves {@linkcode greeting} on any transport. Over UDP, replies to each
 * datagram with it, within the limits of the loop guard.
 *
 * Rejects like {@linkcode serve} or {@linkcode serveDatagrams}, and with
 * `TypeError` for a wrong message or option.
 *
 * @param options The greeting, where to listen, limits and callbacks.
 * @returns The running server.
 *
 * @example Usage
 * ```ts
 * import { connect, serveGreeting } from "@parley/echo";
 *
 * await using server = await serveGreeting({ port: 0, message: "Hello!" });
 * await using client = await connect({ port: server.addr.port });
 * console.log(await new Response(client.readable).text()); // Hello!
 * ```
 *
 * @example Over UDP
 * ```ts
 * import { bind, serveGreeting } from "@parley/echo";
 *
 * await using server = await serveGreeting({
 *   transport: "udp",
 *   port: 0,
 *   message: (from, data) => `${from.hostname} sent ${data?.length} bytes`,
 * });
 * await using client = await bind({ port: 0 });
 * await client.sendTo("hello", server.addr);
 * console.log(new TextDecoder().decode((await client.recvFrom())[0]));
 * ```
 *
 * @category Serve
 */
export async function serveGreeting<
  Transport extends "tcp" | "unix" | "udp" | undefined = undefined,
>(
  options: ServeGreetingOptions<Transport> & { transport?: Transport },
): Promise<ServerOf<Transport>> {
  // The compiler narrows a union by `transport`, but not a generic type.
  const union: ServeGreetingOptions = options;
  const server = isUdp<ServeGreetingOptions<"udp">>(union)
    ? await serveGreetingDatagrams(union)
    : await serveGreetingStreams(union);
  return server as ServerOf<Transport>;
}

async function serveGreetingStreams(
  given: ServeGreetingOptions<"tcp" | "unix">,
): Promise<Server> {
  const options = ownListen<
    ServeGreetingOptions<"tcp">,
    ServeGreetingOptions<"unix">
  >(
    "serveGreeting",
    given,
    { ...TCP_SERVER, ...WITH_MESSAGE },
    { ...UNIX_SERVER, ...WITH_MESSAGE },
  );
  const handler = greeting(
    options.message,
    pickOptions<GreetingOptions>(options, GREETING),
  );
  return isUnix(options)
    ? await serve(
      pickOptions<ServeEchoOptions<"unix">>(options, UNIX_SERVER),
      handler,
    )
    : await serve(
      pickOptions<ServeEchoOptions<"tcp">>(options, TCP_SERVER),
      handler,
    );
}

async function serveGreetingDatagrams(
  given: ServeGreetingOptions<"udp">,
): Promise<DatagramServer> {
  const keys = { ...DATAGRAM_SERVER, ...WITH_MESSAGE };
  const options = ownBind("serveGreeting", given, keys);
  return await serveDatagrams(
    pickOptions<ServeEchoOptions<"udp">>(options, DATAGRAM_SERVER),
    greetDatagram(options),
  );
}

/** Creates the datagram handler of {@linkcode serveGreeting}. */
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
