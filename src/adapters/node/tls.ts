import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import {
  connect,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  TLSSocket,
} from "node:tls";
import type { TlsConnectOptions, TlsListenOptions } from "../../socket.ts";
import type { AcceptQueue } from "../../net/adapter.ts";
import { PendingHandshakes } from "../../net/pending_handshakes.ts";
import { isAddress } from "../../net/validate.ts";
import {
  type Endpoints,
  SOCKET_OPTIONS,
  toSecureConnection,
} from "./socket.ts";

/** TLS 1.2 with forward secrecy and AEAD only, as every suite of TLS 1.3. */
const VERSIONS = {
  minVersion: "TLSv1.2",
  ciphers: "ECDHE+AESGCM:ECDHE+CHACHA20",
} as const;

/** The handshakes of a listener's clients, each with a deadline. */
export class ServerHandshakes {
  readonly #secureContext: SecureContext;
  readonly #alpnProtocols: string[] | undefined;
  readonly #queue: AcceptQueue;
  readonly #pending = new PendingHandshakes<TLSSocket>((socket) =>
    socket.destroy()
  );

  /** Throws for a certificate or a key of no use. */
  constructor(
    { cert, key, alpnProtocols }: TlsListenOptions,
    queue: AcceptQueue,
  ) {
    this.#secureContext = createSecureContext({ ...VERSIONS, cert, key });
    this.#alpnProtocols = alpnProtocols;
    this.#queue = queue;
  }

  /** Starts a handshake; the connection is queued after it. */
  start(socket: Socket, endpoints: Endpoints): void {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#secureContext,
      ALPNProtocols: this.#alpnProtocols,
      ...SOCKET_OPTIONS,
    });
    keepHalfOpen(secured);
    this.#pending.add(secured);
    // The handshake failed: by junk, a wrong protocol, or the client's end.
    const giveUp = () => {
      if (this.#pending.remove(secured)) secured.destroy();
    };
    secured.once("error", giveUp);
    secured.once("end", giveUp);
    secured.once("close", giveUp);
    secured.once("secure", () => {
      if (!this.#pending.remove(secured)) return;
      const connection = toSecureConnection(secured, endpoints);
      if (!this.#queue.put(connection)) connection.close();
    });
  }

  /** Closes those that are under way. */
  clear(): void {
    this.#pending.clear();
  }
}

/** The last trust of a client: with the public roots it takes 20 ms to make. */
let lastTrust: { key: string; context: SecureContext } | undefined;

/** Makes a client's trust; throws on a bad certificate. */
export function clientContext(
  { caCerts = [] }: TlsConnectOptions,
): SecureContext {
  const key = caCerts.join("\n");
  if (lastTrust?.key !== key) {
    // OpenSSL would skip what it cannot read.
    for (const cert of caCerts) new X509Certificate(cert);
    // `ca` replaces the public roots, where ours add.
    const ca = [...caCerts, ...getCACertificates("default")];
    const trust = caCerts.length > 0 ? { ca } : {};
    lastTrust = {
      key,
      context: createSecureContext({ ...VERSIONS, ...trust }),
    };
  }
  return lastTrust.context;
}

/** Starts a client's handshake; `secureConnect` follows, or `error`. */
export function startClientTls(
  socket: Socket,
  hostname: string,
  secureContext: SecureContext,
  { serverName = hostname, alpnProtocols }: TlsConnectOptions,
): TLSSocket {
  const secured = connect({
    socket,
    secureContext,
    // The name to verify; an IP address is none to send.
    host: serverName,
    ...(!isAddress(serverName) && { servername: serverName }),
    // Given, it also overrides NODE_TLS_REJECT_UNAUTHORIZED=0.
    rejectUnauthorized: true,
    ALPNProtocols: alpnProtocols,
    ...SOCKET_OPTIONS,
  });
  return keepHalfOpen(secured);
}

function keepHalfOpen(socket: TLSSocket): TLSSocket {
  socket.allowHalfOpen = true;
  return socket;
}
