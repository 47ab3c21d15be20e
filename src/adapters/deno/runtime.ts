import type {
  Address,
  Connection,
  TcpConnectOptions,
  TcpListenOptions,
  TlsConnectOptions,
  UnixListenOptions,
} from "../../socket.ts";
import { isWildcard, unixAddress } from "../../net/address.ts";
import type {
  Adapter,
  CheckedConnect,
  CheckedListen,
} from "../../net/adapter.ts";
import { DenoConnection, type DenoSocket } from "./handle.ts";
import { bindUdp } from "./udp.ts";
import { fault } from "../../net/socket_error.ts";
import { onAbort } from "../../net/wait_queue.ts";
import { BaseListener } from "../../net/socket_listener.ts";
import { Newcomers } from "../../net/pending_handshakes.ts";
import { isSecure } from "../../net/tls.ts";
import { bindPath } from "../../net/socket_file.ts";

/** The parts of Deno that are used here. */
interface DenoRuntime {
  listen(options: object): DenoServer;
  listenTls(options: object): DenoServer;
  /** There only with `--unstable-net`. */
  listenDatagram?: unknown;
  connect(options: object): Promise<DenoSocket>;
  startTls(socket: DenoSocket, options: object): Promise<TlsSocket>;
  permissions: { querySync(descriptor: { name: "sys" }): { state: string } };
}

interface DenoServer {
  readonly addr: Address;
  accept(): Promise<DenoSocket>;
  close(): void;
}

interface TlsSocket extends DenoSocket {
  handshake(): Promise<{ alpnProtocol: string | null }>;
}

const { Deno } = globalThis as unknown as { Deno: DenoRuntime };

/** What `accept` rejects with for one peer. */
const LEFT_EARLY = ["ENOTCONN", "ECONNABORTED", "ECONNRESET"];

class DenoListener extends BaseListener {
  readonly addr: Address;
  readonly #server: DenoServer;
  readonly #options: CheckedListen;
  #waking = false;
  #accepting: Promise<DenoSocket> | undefined;
  /** Sockets whose handshake is under way. */
  readonly #shaking = new Newcomers<DenoSocket>(closeOnce);

  constructor(server: DenoServer, options: CheckedListen, path?: string) {
    super();
    this.#server = server;
    this.#options = options;
    this.addr = path === undefined ? addressOf(server.addr) : unixAddress(path);
    this.wake();
  }

  protected wake(): void {
    if (!this.#waking && this.#hungry) this.#acceptOn();
  }

  /**
   * Connections wait in the kernel until somebody wants one. A TLS client is
   * waiting for its handshake, though, so those are fetched ahead.
   */
  get #hungry(): boolean {
    if (!isSecure(this.#options)) return this.wanted;
    return this.queued < this.#options.backlog;
  }

  async #acceptOn(): Promise<void> {
    this.#waking = true;
    for (let pause = 0; this.#hungry && !this.closed;) {
      try {
        this.#accepting = this.#server.accept();
        const socket = await this.#accepting;
        if (isSecure(this.#options)) this.#shake(socket as TlsSocket);
        else this.#take(socket);
        pause = 0;
      } catch (error) {
        if (this.closed) break;
        // A peer that was gone before it was accepted holds nobody up.
        const { code } = error as { code?: string };
        if (code !== undefined && LEFT_EARLY.includes(code)) continue;
        // When descriptors are short, trying again at once would only spin.
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(1000, pause * 2 || 5);
      }
    }
    this.#waking = false;
  }

  /** Beside the accept loop, which no client's handshake may hold up. */
  async #shake(socket: TlsSocket): Promise<void> {
    this.#shaking.add(socket);
    try {
      const { alpnProtocol } = await socket.handshake();
      this.#take(socket, alpnProtocol);
    } catch {
      // Junk, silence or a wrong protocol is the client's own misfortune.
      closeOnce(socket);
    } finally {
      this.#shaking.remove(socket);
      this.wake();
    }
  }

  #take(socket: DenoSocket, alpnProtocol?: string | null): void {
    const { addr } = this;
    // On a wildcard each connection has a local address of its own, and for a
    // relative path Deno tells an absolute one.
    const local = addr.transport === "unix" || !isWildcard(addr.hostname)
      ? addr
      : addressOf(socket.localAddr);
    const remote = addressOf(socket.remoteAddr);
    const tame = tuned(socket, this.#options);
    this.put(new DenoConnection(tame, local, remote, alpnProtocol));
  }

  protected async release(): Promise<void> {
    this.#server.close();
    this.#shaking.clear();
    // An accept under way keeps the address until it has been cancelled.
    await this.#accepting?.catch(() => {});
  }
}

/** Deno throws at a second close. */
function closeOnce(socket: DenoSocket): void {
  try {
    socket.close();
  } catch {
    // Whoever closed it first did the work.
  }
}

function tuned<S extends DenoSocket>(
  socket: S,
  options: CheckedListen | CheckedConnect,
): S {
  if (options.transport !== "tcp") return socket;
  try {
    socket.setNoDelay?.();
    if (options.keepAlive) socket.setKeepAlive?.();
    return socket;
  } catch (error) {
    // A peer that is gone already, on some systems.
    socket.close();
    throw error;
  }
}

/** Deno's addresses have no prototype; ours are plain objects. */
function addressOf(address: Address): Address {
  return address.transport === "unix" ? unixAddress(address.path ?? "") : {
    transport: address.transport,
    hostname: address.hostname,
    port: address.port,
  };
}

function listenTcp(options: CheckedListen & TcpListenOptions): DenoListener {
  const { hostname, port, backlog: tcpBacklog, reusePort, keepAlive, tls } =
    options;
  const doing = `Cannot listen on ${hostname}:${port}`;
  // Without the flag Deno ends the process instead of throwing.
  if (reusePort && Deno.listenDatagram === undefined) {
    const remedy = "reusePort needs `deno run --unstable-net`";
    throw fault("ENOTSUP", doing, undefined, remedy);
  }
  if (keepAlive && tls !== undefined) {
    const remedy = "Deno cannot set keepAlive on TLS connections it accepts";
    throw fault("ENOTSUP", doing, undefined, remedy);
  }
  const where = { hostname, port, reusePort, tcpBacklog };
  const server = tls === undefined
    ? Deno.listen(where)
    : Deno.listenTls({ ...where, ...tls });
  return new DenoListener(server, options);
}

function listenUnix(
  options: CheckedListen & UnixListenOptions,
): Promise<DenoListener> {
  const { transport, path } = options;
  return bindPath(options, {
    listen: (full) =>
      new DenoListener(Deno.listen({ transport, path: full }), options, path),
    knock: async () => (await Deno.connect({ transport, path })).close(),
    mayMask: Deno.permissions.querySync({ name: "sys" }).state === "granted",
  });
}

/** Resolves after the handshake, with the peer verified. */
async function secure(
  socket: DenoSocket,
  options: CheckedConnect & TcpConnectOptions,
  { caCerts, serverName, alpnProtocols }: TlsConnectOptions,
): Promise<DenoConnection> {
  const { hostname, signal } = options;
  // Before TLS: afterwards Deno has no way to.
  tuned(socket, options);
  const local = addressOf(socket.localAddr);
  const remote = addressOf(socket.remoteAddr);
  let secured: TlsSocket;
  try {
    secured = await Deno.startTls(socket, {
      hostname: serverName ?? hostname,
      caCerts,
      alpnProtocols,
    });
  } catch (error) {
    closeOnce(socket);
    throw error;
  }
  try {
    const shaken = secured.handshake();
    if (signal?.aborted) closeOnce(secured);
    else if (signal) onAbort(signal, shaken, () => closeOnce(secured));
    const { alpnProtocol } = await shaken;
    return new DenoConnection(secured, local, remote, alpnProtocol);
  } catch (error) {
    closeOnce(secured);
    throw error;
  }
}

/** The interface on Deno's own sockets. */
export const deno: Adapter = {
  here: Deno !== undefined,

  listen(options: CheckedListen): DenoListener | Promise<DenoListener> {
    return options.transport === "unix"
      ? listenUnix(options)
      : listenTcp(options);
  },

  async connect(options: CheckedConnect): Promise<Connection> {
    const socket = await Deno.connect({ ...options });
    if (options.transport === "tcp" && options.tls !== undefined) {
      return await secure(socket, options, options.tls);
    }
    const local = addressOf(socket.localAddr);
    const remote = options.transport === "unix"
      ? unixAddress(options.path)
      : addressOf(socket.remoteAddr);
    return new DenoConnection(tuned(socket, options), local, remote);
  },

  bind: bindUdp,
};
