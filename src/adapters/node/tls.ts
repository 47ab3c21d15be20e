import type { Duplex } from "node:stream";
import type { SecureContext, TLSSocket } from "node:tls";
import { SocketError } from "../../errors.ts";
import type { TlsConnectOptions, TlsListenOptions } from "../../socket.ts";
import type { AcceptQueue } from "../../net/adapter.ts";
import { PendingHandshakes } from "../../net/pending_handshakes.ts";
import type { CheckedTcpConnect } from "../../net/checked_options.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { tlsError, toSocketError } from "../../net/socket_error.ts";
import { CIPHER_SUITES } from "../../net/tls_suites.ts";
import { isAddress } from "../../net/validate.ts";
import { type Flow, flushBeforeFinish } from "./duplex.ts";
import {
  type Endpoints,
  settled,
  SOCKET_OPTIONS,
  toSecureConnection,
} from "./socket.ts";

const VERSIONS = { minVersion: "TLSv1.2", ciphers: CIPHER_SUITES } as const;

/**
 * Loads what TLS needs, which takes Deno a while. This file is loaded at the
 * start: Deno ends a process that has no descriptor left to load a file.
 */
async function load() {
  const [crypto, tls] = await Promise.all([
    import("node:crypto"),
    import("node:tls"),
  ]);
  return { ...crypto, ...tls };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]*?-----END [^\n]*/;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?-----END [^\n]*/;

/** A certificate and its key may share a PEM, of which Deno reads the first. */
function firstIn(pem: string, block: RegExp): string {
  return block.exec(pem)?.[0] ?? pem;
}

/** Prepares a listener's handshakes; throws on a bad certificate. */
export async function serverHandshakes(
  { cert, key, alpnProtocols }: TlsListenOptions,
  queue: AcceptQueue,
): Promise<ServerHandshakes> {
  const tls = await load();
  // Deno's `createSecureContext` looks at neither.
  const certificate = new tls.X509Certificate(firstIn(cert, CERTIFICATE));
  const privateKey = tls.createPrivateKey(firstIn(key, PRIVATE_KEY));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error("the key is that of another certificate");
  }
  const secureContext = tls.createSecureContext({ ...VERSIONS, cert, key });
  const accept = (socket: Duplex, isGated: boolean) =>
    new tls.TLSSocket(socket, {
      isServer: true,
      secureContext,
      ALPNProtocols: alpnProtocols,
      ...(isGated ? {} : SOCKET_OPTIONS),
    });
  return new ServerHandshakes(accept, queue);
}

/** The handshakes of a listener's clients, each with a deadline. */
export class ServerHandshakes {
  readonly #accept: (socket: Duplex, isGated: boolean) => TLSSocket;
  readonly #queue: AcceptQueue;
  readonly #pending: PendingHandshakes<TLSSocket>;

  /** @param accept Starts the handshake over a socket. */
  constructor(
    accept: (socket: Duplex, isGated: boolean) => TLSSocket,
    queue: AcceptQueue,
  ) {
    this.#accept = accept;
    this.#queue = queue;
    this.#pending = new PendingHandshakes(
      queue,
      "TLS handshake",
      (socket) => socket.destroy(),
    );
  }

  /**
   * Starts a handshake; the connection is queued after it.
   *
   * @param flow What to pause, if it is not the TLS socket.
   */
  start(socket: Duplex, endpoints: Endpoints, flow?: Flow): void {
    const secured = this.#accept(socket, flow !== undefined);
    keepHalfOpen(secured);
    if (flow !== undefined) flushBeforeFinish(secured);
    this.#pending.add(secured, endpoints.remote);
    // The handshake failed: by junk, a wrong protocol, or the client's end.
    const giveUp = (error?: Error) => {
      const reason = tlsError(error ?? new Error("the peer left"));
      const toError = (call: string) => toSocketError(reason, call);
      if (!this.#pending.fail(secured, toError)) return;
      secured.destroy();
      socket.destroy();
    };
    secured.once("error", giveUp);
    secured.once("end", () => giveUp());
    secured.once("close", () => giveUp());
    secured.once("secure", () => {
      if (!this.#pending.remove(secured)) return;
      this.#queue.add(toSecureConnection(secured, socket, endpoints, flow));
    });
  }

  /** Closes those that are under way. */
  clear(): void {
    this.#pending.clear();
  }
}

/** A client's handshake over a socket. */
export type ClientHandshake = (
  socket: Duplex,
  endpoints: Endpoints,
  flow?: Flow,
) => Promise<SocketConnection>;

/**
 * Prepares a client's handshake; throws on a bad certificate.
 *
 * @param hasRoots Whether the public roots can be added to `caCerts`.
 */
export async function clientHandshake(
  { hostname, signal }: CheckedTcpConnect,
  { caCerts = [], serverName = hostname, alpnProtocols }: TlsConnectOptions,
  hasRoots = true,
): Promise<ClientHandshake> {
  const secureContext = await clientContext(caCerts, hasRoots);
  const { connect } = await load();
  return async (socket, endpoints, flow) => {
    const secured = connect({
      socket,
      secureContext,
      // The name to verify; an IP address is none to send.
      host: serverName,
      ...(!isAddress(serverName) && { servername: serverName }),
      // Given, it also overrides NODE_TLS_REJECT_UNAUTHORIZED=0.
      rejectUnauthorized: true,
      ALPNProtocols: alpnProtocols,
      ...(flow ? {} : SOCKET_OPTIONS),
    });
    keepHalfOpen(secured);
    if (flow !== undefined) flushBeforeFinish(secured);
    try {
      return await settled(
        secured,
        "secureConnect",
        signal,
        () => toSecureConnection(secured, socket, endpoints, flow),
      );
    } catch (error) {
      socket.destroy();
      if (signal?.aborted || isSocketError(error)) throw error;
      throw tlsError(error as Error);
    }
  };
}

/** Whether an error is that of the socket, as a reset, and not of TLS. */
function isSocketError(error: unknown): boolean {
  return error instanceof SocketError ||
    (error instanceof Error && "syscall" in error);
}

/** The last trust of a client: with the public roots it takes 20 ms to make. */
let lastTrust: { key: string; context: SecureContext } | undefined;

async function clientContext(
  caCerts: string[],
  hasRoots: boolean,
): Promise<SecureContext> {
  const tls = await load();
  // From here on nothing is awaited: many that connect at once make one.
  const key = caCerts.join("\n");
  if (lastTrust?.key === key) return lastTrust.context;
  // OpenSSL would skip what it cannot read.
  for (const cert of caCerts) {
    new tls.X509Certificate(firstIn(cert, CERTIFICATE));
  }
  // `ca` replaces the public roots, where ours add.
  const roots = hasRoots ? tls.getCACertificates("default") : [];
  const ca = [...caCerts, ...roots];
  const trust = caCerts.length > 0 ? { ca } : {};
  const context = tls.createSecureContext({ ...VERSIONS, ...trust });
  lastTrust = { key, context };
  return context;
}

/** Node takes this over from the socket below; Deno and Bun do not. */
function keepHalfOpen(socket: TLSSocket): void {
  socket.allowHalfOpen = true;
}
