// A user's program for the compiler alone: what it may say, and what it may
// not. Everything here is typed, so a wider or an `any` type fails it too.
import {
  type AbortOptions,
  type Address,
  bind,
  type BindOptions,
  connect,
  type Connection,
  type ConnectOptions,
  type DatagramServer,
  type DatagramServerOptions,
  echo,
  type GreetingOptions,
  type Handler,
  listen,
  type Listener,
  type ListenOptions,
  type LoopGuardOptions,
  type NetAddress,
  type PipeOptions,
  serve,
  serveDatagrams,
  serveEcho,
  type ServeEchoOptions,
  serveGreeting,
  type Server,
  type ServerOptions,
  type ShutdownOptions,
  SocketError,
  type SocketErrorCode,
  type TcpConnectOptions,
  type TcpListenOptions,
  type TlsConnectOptions,
  type TlsListenOptions,
  type UnixAddress,
  type UnixConnectOptions,
  type UnixListenOptions,
} from "@parley/echo";

type Same<A, B> = [A, B] extends [B, A] ? 0 extends 1 & A ? false : true
  : false;

/** Compiles where the value has this type: no other, and not `any`. */
function is<Expected>(): <Actual>(
  value: Actual,
  ...same: Same<Actual, Expected> extends true ? [] : [never]
) => void {
  return () => {};
}

/** A transport that is written down says which address there will be. */
export async function addresses(ways: ListenOptions[]): Promise<void> {
  is<NetAddress<"tcp">>()((await listen({ port: 0 })).addr);
  is<NetAddress<"tcp">>()((await listen({ transport: "tcp", port: 0 })).addr);
  const unix = await listen({ transport: "unix", path: "/run/x.sock" });
  is<UnixAddress>()(unix.addr);
  // @ts-expect-error: a path has no port
  is<number>()(unix.addr.port);
  // @ts-expect-error: an address does not change
  unix.addr = { transport: "unix", path: "/run/y.sock" };

  for (const way of ways) {
    // It may have `proxyProtocol`, whose headers may name any transport.
    is<Listener<NetAddress<"tcp"> | UnixAddress, Address>>()(await listen(way));
  }
  const transport = ways.length > 1 ? "tcp" : "unix";
  const some = await listen({ transport, port: 0, path: "/run/x.sock" });
  // @ts-expect-error: it may be a path
  is<number>()(some.addr.port);
  if (some.addr.transport === "tcp") is<number>()(some.addr.port);
}

export async function servers(way: ServeEchoOptions): Promise<void> {
  is<Server<NetAddress<"tcp">>>()(await serveEcho({ port: 0 }));
  is<Server<UnixAddress>>()(
    await serveEcho({ transport: "unix", path: "/run/x.sock" }),
  );
  const udp = await serveEcho({ transport: "udp", port: 0, loopGuard: false });
  is<DatagramServer>()(udp);
  is<number>()(udp.stats().withheld);
  // @ts-expect-error: it counts datagrams
  is<number>()(udp.stats().active);
  is<Address>()((await serveEcho(way)).addr);
  is<DatagramServer>()(
    await serveDatagrams({ port: 0 }, (data, from) => {
      is<Uint8Array<ArrayBuffer>>()(data);
      return from.hostname;
    }),
  );
}

/** The addresses of a connection are those of its transport. */
export async function connections(way: ConnectOptions): Promise<void> {
  const tcp = await connect({ port: 1 });
  is<Connection<NetAddress<"tcp">>>()(tcp);
  is<number>()(tcp.remoteAddr.port);
  is<number>()((await connect({ port: 1, tls: false })).localAddr.port);
  const unix = await connect({ transport: "unix", path: "/run/x.sock" });
  is<string>()(unix.remoteAddr.path);
  // @ts-expect-error: a path has no port
  is<number>()(unix.remoteAddr.port);
  is<NetAddress<"tcp"> | UnixAddress>()((await connect(way)).remoteAddr);
  is<Connection<NetAddress<"tcp"> | UnixAddress>>()(await connect(way));
  const any: Connection = tcp;
  await tcp.pipeTo(any);

  const listener = await listen({ port: 0 });
  is<number>()((await listener.accept()).remoteAddr.port);
  for await (const conn of listener) is<number>()(conn.localAddr.port);
  const proxyProtocol = { trustedProxies: ["10.0.0.0/8"] };
  const proxied = await listen({ port: 0, proxyProtocol });
  is<NetAddress<"tcp">>()(proxied.addr);
  // A header may name any transport.
  is<Address>()((await proxied.accept()).remoteAddr);
  const behind = await listen({
    port: 0,
    proxyProtocol: { trustedProxies: [] },
  });
  is<Address>()((await behind.accept()).remoteAddr);
  const path = "/run/x.sock";
  const proxiedUnix = await listen({
    transport: "unix",
    path,
    proxyProtocol: true,
  });
  is<Address>()((await proxiedUnix.accept()).remoteAddr);
  const plain = await listen({ transport: "unix", path, proxyProtocol: false });
  is<UnixAddress>()((await plain.accept()).remoteAddr);
  const none = { transport: undefined, proxyProtocol: undefined };
  is<Listener<NetAddress<"tcp">>>()(await listen({ port: 0, ...none }));
}

/** Whether every option that may be left out may be `undefined`, too. */
type TakesUndefined<T> = {
  [K in keyof T as object extends Pick<T, K> ? K : never]: undefined;
} extends Partial<T> ? true : false;

export function absent(): void {
  const yes = true as const;
  is<TakesUndefined<TcpListenOptions>>()(yes);
  is<TakesUndefined<UnixListenOptions>>()(yes);
  is<TakesUndefined<TcpConnectOptions>>()(yes);
  is<TakesUndefined<UnixConnectOptions>>()(yes);
  is<TakesUndefined<TlsListenOptions>>()(yes);
  is<TakesUndefined<TlsConnectOptions>>()(yes);
  is<TakesUndefined<BindOptions>>()(yes);
  is<TakesUndefined<AbortOptions>>()(yes);
  is<TakesUndefined<PipeOptions>>()(yes);
  is<TakesUndefined<ServerOptions>>()(yes);
  is<TakesUndefined<ShutdownOptions>>()(yes);
  is<TakesUndefined<DatagramServerOptions>>()(yes);
  is<TakesUndefined<LoopGuardOptions>>()(yes);
  is<TakesUndefined<GreetingOptions>>()(yes);
}

/** A handler is a function of a connection, and composes. */
export const handler: Handler = async (conn, { signal }) => {
  is<Connection>()(conn);
  is<AbortSignal>()(signal);
  const data = await conn.recv(1024, { signal });
  is<Uint8Array<ArrayBuffer> | null>()(data);
  // @ts-expect-error: `null` is the end
  is<number>()(data.length);
  if (data !== null) await conn.send(data);
  await echo(conn);
};

export async function options(): Promise<void> {
  const server = await serve({
    port: 0,
    tls: { cert: "", key: "" },
    idleTimeout: 1000,
    filter: (remoteAddr) => remoteAddr.transport === "tcp",
    onDisconnect: ({ duration, error }) => {
      is<number>()(duration);
      is<unknown>()(error);
    },
    onError: (_error, conn) => is<Connection>()(conn),
  }, handler);
  await server.shutdown({ timeout: 1000 });
  await serveGreeting({
    port: 0,
    message: (conn) => `${conn.bytesSent}`,
    onMessage: (_data, conn) => is<Connection>()(conn),
  });
  await serveGreeting({
    transport: "udp",
    port: 0,
    message: (from) => from.hostname,
    onMessage: (_data, from) => is<NetAddress<"udp">>()(from),
  });
  await connect({ hostname: "::1", port: 1, tls: true });
  await connect({ transport: "unix", path: "/run/x.sock" });
}

export async function mistakes(conn: Connection): Promise<void> {
  // @ts-expect-error: misspelled
  await serve({ port: 0, idleTimout: 1000 }, handler);
  // @ts-expect-error: misspelled
  await serveEcho({ transport: "udp", port: 0, loopGard: false });
  // @ts-expect-error: misspelled
  await listen({ port: 0, hostName: "0.0.0.0" });
  // @ts-expect-error: a path has no port
  await listen({ transport: "unix", path: "/run/x.sock", port: 0 });
  // @ts-expect-error: nowhere
  await listen({});
  // @ts-expect-error: no such transport
  await serve({ transport: "udp", port: 0 }, handler);
  // @ts-expect-error: only TCP carries it
  await connect({ transport: "unix", path: "/run/x.sock", tls: true });
  // @ts-expect-error: a certificate needs its key
  await serveEcho({ port: 0, tls: { cert: "" } });
  // @ts-expect-error: no destination
  await (await bind({ port: 0 })).sendTo("hello");
  // @ts-expect-error: bytes or text
  await conn.send(1);
  // @ts-expect-error: it counts by itself
  conn.bytesSent = 0;
}

/** Streams are the platform's, by any declaration. */
export async function streams(conn: Connection): Promise<string> {
  await conn.readable.pipeTo(conn.writable);
  return await new Response(conn.readable).text();
}

export async function scopes(): Promise<void> {
  await using listener = await listen({ port: 0 });
  for await (const conn of listener) {
    is<Connection<NetAddress<"tcp">>>()(conn);
  }
  await using socket = await bind({ port: 0 });
  for await (const [data, from] of socket) await socket.sendTo(data, from);
}

/** The codes are a closed list. */
export function explain(error: unknown): SocketErrorCode {
  if (!(error instanceof SocketError)) throw error;
  // @ts-expect-error: no such code
  if (error.code === "ECONREFUSED") throw error;
  return error.code;
}
