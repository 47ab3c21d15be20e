// What the tests of listeners behind proxies share: where they are, what a proxy
// says to them, and how they turn one away.
import type { Connection, Listener, ListenOptions } from "../../mod.ts";
import { assert } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import {
  testEachTransport,
  type Transport,
  transport,
  transportOptions,
} from "../support/transports.ts";
import {
  addresses,
  blankSum,
  block,
  bytesOf,
  line,
  PROXY,
  summed,
  tcp,
  vector,
} from "./headers.ts";

export const options = { timeout: 30_000 };

/** The transports that can be behind a proxy. */
export const proxied: Transport[] = transportOptions
  .filter(({ name }) => name !== "TLS")
  .map((options) =>
    transport({
      ...options,
      listenOptions: (at) => behindProxy(options.listenOptions(at)),
    })
  );

function behindProxy(place: ListenOptions): ListenOptions {
  return place.transport === "unix"
    ? { ...place, proxyProtocol: true }
    : { ...place, proxyProtocol: { trustedProxies: ["127.0.0.1", "::1"] } };
}

/** Tests a behaviour over every transport that can be behind a proxy. */
export function testBehindProxy(
  behaviour: string,
  test: (over: Transport) => Promise<void>,
): void {
  testEachTransport(behaviour, test, proxied);
}

export const SOURCE = tcp("203.0.113.7", 51000);
export const DESTINATION = tcp("198.51.100.1", 443);
export const V4 = addresses([203, 0, 113, 7], [198, 51, 100, 1], 51000, 443);
export const HEADERS = [
  line("TCP4", "203.0.113.7", "198.51.100.1", 51000, 443),
  summed(block(PROXY, 0x11, V4, vector(1, bytesOf("h2")), blankSum)),
];
export const [HEADER] = HEADERS;

/** A proxy that has connected and said this. */
export async function proxy(
  over: Transport,
  listener: Pick<Listener, "addr">,
  ...says: Uint8Array[]
): Promise<Connection> {
  const conn = await over.connect(listener.addr);
  for (const bytes of says) await conn.send(bytes);
  return conn;
}

/** Waits for the end that the other side makes: quietly, or by a cut. */
export async function assertTurnedAway(conn: Connection): Promise<void> {
  const said = await recvAll(conn).then(text, ({ code }) => code);
  assert(["", "ECONNRESET", "EPIPE"].includes(said), said);
}
