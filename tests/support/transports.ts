// The transports that carry a stream, and a connected pair on each.
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  type Address,
  connect,
  type Connection,
  type ConnectOptions,
  listen,
  type Listener,
  type ListenOptions,
} from "../../mod.ts";
import { certificates } from "./certificates.ts";
import { folder } from "./folder.ts";
import { noUnix } from "./platform.ts";

export type TransportName = "TCP/IPv4" | "TCP/IPv6" | "Unix" | "TLS" | "UDP";

/** Where a transport listens, and how a client gets there. */
export interface TransportOptions {
  name: TransportName;
  /** A new place to listen at, or that of a listener again. */
  listenOptions(at?: Address): ListenOptions;
  /** Options to connect to the listener at this address. */
  connectOptions(addr: Address): ConnectOptions;
}

/** The calls of the package that open a stream. */
export interface StreamCalls {
  listen(options: ListenOptions): Promise<Listener>;
  connect(options: ConnectOptions): Promise<Connection>;
}

/** One way to carry a stream, by the calls of one adapter. */
export interface Transport extends TransportOptions {
  /** Its name in a test, with the adapter's. */
  title: string;
  /** Listens at a new place, or at this one. */
  listen(at?: Address): Promise<Listener>;
  connect(
    addr: Address,
    options?: { signal?: AbortSignal },
  ): Promise<Connection>;
}

/** Opens a transport by these calls; by those of this runtime unless given. */
export function transport(
  options: TransportOptions,
  calls: StreamCalls = { listen, connect },
  title: string = options.name,
): Transport {
  const { listenOptions, connectOptions } = options;
  return {
    ...options,
    title,
    listen: (at) => calls.listen(listenOptions(at)),
    connect: (addr, more) =>
      calls.connect({ ...connectOptions(addr), ...more }),
  };
}

const available: TransportOptions[] = [
  {
    name: "TCP/IPv4",
    listenOptions: (at) => ({
      hostname: "127.0.0.1",
      port: at ? portOf(at) : 0,
    }),
    connectOptions: (addr) => ({ hostname: "127.0.0.1", port: portOf(addr) }),
  },
  {
    name: "TCP/IPv6",
    listenOptions: (at) => ({ hostname: "::1", port: at ? portOf(at) : 0 }),
    // On Bun a connect that can be aborted is made in another way.
    connectOptions: (addr) => ({
      hostname: "::1",
      port: portOf(addr),
      signal: new AbortController().signal,
    }),
  },
];

if (!noUnix()) {
  available.push({
    name: "Unix",
    listenOptions: (at) => ({ transport: "unix", path: pathOf(at) }),
    connectOptions: (addr) => ({ transport: "unix", path: pathOf(addr) }),
  });
}

if (certificates === undefined) console.log("No openssl, so TLS is not tested");
else {
  const { ca, server } = certificates;
  available.push({
    name: "TLS",
    listenOptions: (at) => ({ port: at ? portOf(at) : 0, tls: server }),
    connectOptions: (addr) => ({ port: portOf(addr), tls: { caCerts: [ca] } }),
  });
}

export const transportOptions: readonly TransportOptions[] = available;

/** Every transport of this runtime. */
export const transports: Transport[] = available.map((options) =>
  transport(options)
);

let sockets = 0;

/** The path of an address, or a fresh one. */
export function pathOf(addr?: Address): string {
  if (addr === undefined) return join(folder, `${++sockets}.sock`);
  if (addr.transport !== "unix") throw new TypeError("A port has no path");
  return addr.path;
}

export function portOf(addr: Address): number {
  if (addr.transport === "unix") throw new TypeError("A Unix path has no port");
  return addr.port;
}

/** Declares a behaviour once, and tests it over every transport. */
export function testEachTransport(
  behaviour: string,
  test: (transport: Transport) => Promise<void>,
  over: Transport[] = transports,
): void {
  describe(behaviour, () => {
    for (const transport of over) {
      it(transport.title, { timeout: 30_000 }, () => test(transport));
    }
  });
}

/** Both ends of one connection, closed together with their listener. */
export interface Pair extends AsyncDisposable {
  listener: Listener;
  client: Connection;
  server: Connection;
}

export async function pair(transport: Transport): Promise<Pair> {
  const listener = await transport.listen();
  const [client, server] = await Promise.all([
    transport.connect(listener.addr),
    listener.accept(),
  ]);
  return {
    listener,
    client,
    server,
    async [Symbol.asyncDispose]() {
      await Promise.all([client.close(), server.close(), listener.close()]);
    },
  };
}
