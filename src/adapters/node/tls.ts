import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import type {
  PeerCertificate,
  SecureContext,
  TLSSocket,
  TLSSocketOptions,
} from "node:tls";
import type { TlsConnectOptions, TlsListenOptions } from "../../socket.ts";
import type { AcceptQueue } from "../../net/adapter.ts";
import { PendingHandshakes } from "../../net/pending_handshakes.ts";
import type { CheckedTcpConnect } from "../../net/checked_options.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { toSocketError } from "../../net/socket_error.ts";
import {
  clientFlaw,
  handshakeError,
  peerLeft,
  type TlsFailure,
} from "../../net/tls_failure.ts";
import { sentName } from "../../net/tls_info.ts";
import { isAddress } from "../../net/hostname.ts";
import {
  clientContext,
  loadTls,
  type ServerCertificates,
  serverCertificates,
} from "./certificates.ts";
import { type Flow, flushBeforeFinish } from "./duplex.ts";
import {
  type Endpoints,
  settled,
  SOCKET_OPTIONS,
  toSecureConnection,
} from "./socket.ts";

/** Prepares a listener's handshakes; throws on a bad certificate. */
export async function serverHandshakes(
  options: TlsListenOptions,
  queue: AcceptQueue,
): Promise<ServerHandshakes> {
  const tls = await loadTls();
  const { alpnProtocols, clientAuth, sni } = options;
  const certificates = serverCertificates(tls, options);
  const accept: Accept = (socket, secureContext, isGated) =>
    new tls.TLSSocket(socket, {
      isServer: true,
      secureContext,
      ALPNProtocols: alpnProtocols,
      requestCert: clientAuth !== undefined,
      // Only sends an alert if there is no certificate: see `flawOfClient`.
      rejectUnauthorized: clientAuth === "require",
      ...(sni && !isGated && { SNICallback: sniCallback(certificates) }),
      ...(isGated ? {} : SOCKET_OPTIONS),
    });
  return new ServerHandshakes(accept, queue, options, certificates);
}

/** Starts a handshake over a socket. */
type Accept = (
  socket: Duplex,
  secureContext: SecureContext,
  isGated: boolean,
) => TLSSocket;

type SniCallback = NonNullable<TLSSocketOptions["SNICallback"]>;

function sniCallback(certificates: ServerCertificates): SniCallback {
  return (serverName, done) => {
    certificates.choose(serverName).then(
      (context) => done(null, context),
      done,
    ).catch(() => {}); // the socket has been closed meanwhile
  };
}

/** The handshakes of a listener's clients, each with a deadline. */
export class ServerHandshakes {
  readonly #accept: Accept;
  readonly #queue: AcceptQueue;
  readonly #clientAuth: ClientAuth;
  readonly #certificates: ServerCertificates;
  readonly #hasSni: boolean;
  readonly #pending: PendingHandshakes<Duplex>;

  constructor(
    accept: Accept,
    queue: AcceptQueue,
    { clientAuth, sni }: TlsListenOptions,
    certificates: ServerCertificates,
  ) {
    this.#accept = accept;
    this.#queue = queue;
    this.#clientAuth = clientAuth;
    this.#certificates = certificates;
    this.#hasSni = sni !== undefined;
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
    if (this.#hasSni && flow?.readServerName !== undefined) {
      const name = flow.readServerName();
      this.#startByName(name, socket, endpoints, flow);
    } else {
      this.#start(this.#certificates.default, socket, endpoints, flow);
    }
  }

  /** Chooses the certificate before the handshake. */
  async #startByName(
    serverName: Promise<string | undefined>,
    socket: Duplex,
    endpoints: Endpoints,
    flow: Flow,
  ): Promise<void> {
    this.#pending.add(socket, endpoints.remote);
    let error: unknown;
    socket.once("error", (reason) => error = reason);
    try {
      const context = await this.#certificates.choose(await serverName);
      // It was late, and is closed.
      if (!this.#pending.remove(socket)) return;
      this.#start(context, socket, endpoints, flow);
    } catch (reason) {
      this.#fail(socket, error ?? reason);
      socket.destroy();
    }
  }

  /**
   * Reports a client, unless that was done; it is still to be closed.
   *
   * @param error Absent if the client left.
   */
  #fail(socket: Duplex, error: unknown): boolean {
    return this.#pending.fail(
      socket,
      (call) => toSocketError(handshakeError(error ?? peerLeft()), call),
    );
  }

  #start(
    context: SecureContext,
    socket: Duplex,
    endpoints: Endpoints,
    flow: Flow | undefined,
  ): void {
    const secured = this.#accept(socket, context, flow !== undefined);
    keepHalfOpen(secured);
    if (flow !== undefined) flushBeforeFinish(secured);
    this.#pending.add(secured, endpoints.remote);
    // The handshake failed: by other bytes, a wrong protocol, or the client's end. No
    // error is made where it did not, for most connections end later.
    const giveUp = (error?: unknown) => {
      if (!this.#fail(secured, error)) return;
      secured.destroy();
      socket.destroy();
    };
    secured.once("error", giveUp);
    secured.once("end", () => giveUp());
    secured.once("close", () => giveUp());
    secured.once("secure", () => {
      const certificate = this.#clientAuth && peerCertificate(secured);
      const flaw = this.#clientAuth &&
        this.#flawOfClient(secured, this.#clientAuth, certificate);
      if (flaw) return this.#refuse(secured, socket, flaw);
      if (!this.#pending.remove(secured)) return;
      const { servername } = secured as { servername?: string | false };
      const names = {
        serverName: sentName(servername),
        peerCertificate: certificate?.raw,
      };
      this.#queue.add(
        toSecureConnection(secured, socket, endpoints, names, flow),
      );
    });
  }

  /** Returns why a client is refused, if it is: Node leaves that to its server. */
  #flawOfClient(
    socket: TLSSocket,
    clientAuth: "request" | "require",
    certificate: PeerCertificate | undefined,
  ): TlsFailure | undefined {
    const { verified } = this.#certificates;
    // Without a certificate there is a verdict, too. It throws where a runtime
    // has no such method, which refuses the client.
    const verdict: string | { code: string } | null | undefined = certificate &&
      Reflect.get(socket, "ssl").verifyError();
    const flaw = clientFlaw(clientAuth, {
      dates: certificate &&
        { from: certificate.valid_from, to: certificate.valid_to },
      code: (typeof verdict === "object" ? verdict?.code : verdict) ||
        undefined,
      isUnverified: certificate !== undefined && socket.isSessionReused() &&
        !verified.has(certificate.fingerprint256),
    });
    if (flaw === undefined && certificate) {
      verified.add(certificate.fingerprint256);
    }
    return flaw;
  }

  /**
   * Closes a client after its handshake, by a reset where there is one: no
   * alert can be sent any more, and an end would look like that of a reply.
   */
  #refuse(secured: TLSSocket, socket: Duplex, flaw: TlsFailure): void {
    if (!this.#fail(secured, flaw)) return;
    // Amid an event of TLS it would end Node by a segmentation fault.
    setImmediate(() => {
      if ("resetAndDestroy" in socket) (socket as Socket).resetAndDestroy();
      secured.destroy();
      socket.destroy();
    });
  }

  /** Closes those that are under way. */
  clear(): void {
    this.#pending.clear();
  }
}

type ClientAuth = TlsListenOptions["clientAuth"];

function peerCertificate(socket: TLSSocket): PeerCertificate | undefined {
  // An object without properties if there is none. `getPeerX509Certificate`
  // takes the certificate away from Node 24.
  const certificate = socket.getPeerCertificate();
  return certificate?.raw === undefined ? undefined : certificate;
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
  { hostname, signal }: Pick<CheckedTcpConnect, "hostname" | "signal">,
  options: TlsConnectOptions,
  hasRoots = true,
): Promise<ClientHandshake> {
  const tls = await loadTls();
  const secureContext = clientContext(tls, options, hasRoots);
  const { serverName = hostname, alpnProtocols } = options;
  return async (socket, endpoints, flow) => {
    let certificate: Uint8Array | undefined;
    const secured = tls.connect({
      socket,
      secureContext,
      // The name to verify; an IP address is none to send.
      host: serverName,
      ...(!isAddress(serverName) && { servername: serverName }),
      // Given, it also overrides NODE_TLS_REJECT_UNAUTHORIZED=0.
      rejectUnauthorized: true,
      checkServerIdentity(name, peer) {
        certificate = peer.raw;
        return tls.checkServerIdentity(name, peer);
      },
      ALPNProtocols: alpnProtocols,
      ...(flow ? {} : SOCKET_OPTIONS),
    });
    // With the issuers Deno parses all authorities, 20 ms for each handshake.
    const { getPeerCertificate } = secured;
    const withoutIssuers = () => getPeerCertificate.call(secured, false);
    secured.getPeerCertificate = withoutIssuers as typeof getPeerCertificate;
    keepHalfOpen(secured);
    if (flow !== undefined) flushBeforeFinish(secured);
    try {
      return await settled(secured, "secureConnect", signal, () => {
        const names = { serverName, peerCertificate: certificate };
        return toSecureConnection(secured, socket, endpoints, names, flow);
      });
    } catch (error) {
      socket.destroy();
      throw signal?.aborted ? error : handshakeError(error);
    }
  };
}

/** Node takes this over from the socket below; Deno and Bun do not. */
function keepHalfOpen(socket: TLSSocket): void {
  socket.allowHalfOpen = true;
}
