import type { SecureContext, SecureContextOptions } from "node:tls";
import { CIPHER_SUITES } from "../../net/tls_suites.ts";
import { certificateFailure } from "../../net/tls_failure.ts";
import { sentName } from "../../net/tls_info.ts";
import { VerifiedClients } from "../../net/verified_clients.ts";
import { checkIdentity } from "../../net/validate_tls.ts";
import type {
  TlsConnectOptions,
  TlsIdentity,
  TlsListenOptions,
} from "../../socket.ts";

/** Certificates that `sni` returned, of which the last are kept ready. */
const MAX_CONTEXTS = 1000;

const VERSIONS = { minVersion: "TLSv1.2", ciphers: CIPHER_SUITES } as const;

/**
 * Loads what TLS needs, which takes Deno a while. The modules of this folder
 * are loaded at the start: Deno ends a process that has no descriptor left to
 * load a file.
 */
export async function loadTls(): Promise<
  typeof import("node:crypto") & typeof import("node:tls")
> {
  const [crypto, tls] = await Promise.all([
    import("node:crypto"),
    import("node:tls"),
  ]);
  return { ...crypto, ...tls };
}

type Tls = Awaited<ReturnType<typeof loadTls>>;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]*?-----END [^\n]*/;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?-----END [^\n]*/;

/** A certificate and its key may share a PEM, of which Deno reads the first. */
function firstIn(pem: string, block: RegExp): string {
  return block.exec(pem)?.[0] ?? pem;
}

/** Makes a context; throws if one of its certificates or its key is of no use. */
function makeContext(
  tls: Tls,
  options: SecureContextOptions,
  caCerts: string[],
  { cert, key }: Partial<TlsIdentity>,
): SecureContext {
  try {
    // OpenSSL would skip what it cannot read.
    for (const cert of caCerts) {
      new tls.X509Certificate(firstIn(cert, CERTIFICATE));
    }
    if (cert !== undefined && key !== undefined) {
      // Deno's `createSecureContext` looks at neither.
      const certificate = new tls.X509Certificate(firstIn(cert, CERTIFICATE));
      const privateKey = tls.createPrivateKey(firstIn(key, PRIVATE_KEY));
      if (!certificate.checkPrivateKey(privateKey)) {
        throw new Error("the key is that of another certificate");
      }
    }
    return tls.createSecureContext({ ...VERSIONS, ...options, cert, key });
  } catch (error) {
    // Whatever code it has, or has not on Deno.
    throw certificateFailure(error);
  }
}

/** The certificates of a listener. */
export class ServerCertificates {
  /** The one for a client that asks for none, or for an unknown name. */
  readonly default: SecureContext;
  /** The clients of these authorities that have been verified. */
  readonly verified: VerifiedClients;
  readonly #tls: Tls;
  readonly #options: TlsListenOptions;
  readonly #shared: SecureContextOptions;
  /** By the text of certificate and key, the one used last at the end. */
  readonly #contexts = new Map<string, SecureContext>();

  constructor(tls: Tls, options: TlsListenOptions) {
    this.#tls = tls;
    this.#options = options;
    this.#shared = options.clientAuth === undefined ? {} : {
      ca: options.caCerts,
      // Without it OpenSSL refuses a client that resumes its session.
      sessionIdContext: tls.randomUUID().replaceAll("-", ""),
    };
    this.default = this.#make(options);
    const trust = JSON.stringify(options.caCerts ?? []);
    this.verified = new VerifiedClients(
      tls.createHash("sha256").update(trust).digest("base64"),
    );
  }

  /** Returns the certificate for a name, which a callback chooses. */
  async choose(serverName: string | undefined): Promise<SecureContext> {
    const name = sentName(serverName);
    if (name === undefined) return this.default;
    const identity = await this.#ask(name);
    if (identity === undefined) return this.default;
    const key = `${identity.cert}\n${identity.key}`;
    const context = this.#contexts.get(key) ?? this.#make(identity);
    this.#contexts.delete(key);
    this.#contexts.set(key, context);
    if (this.#contexts.size > MAX_CONTEXTS) {
      const [oldest] = this.#contexts.keys();
      this.#contexts.delete(oldest);
    }
    return context;
  }

  async #ask(name: string): Promise<TlsIdentity | undefined> {
    try {
      const identity = await this.#options.sni?.(name);
      if (identity !== undefined) checkIdentity(identity);
      return identity;
    } catch (error) {
      throw certificateFailure(error);
    }
  }

  #make({ cert, key }: TlsIdentity): SecureContext {
    const { caCerts = [] } = this.#options;
    return makeContext(this.#tls, this.#shared, caCerts, { cert, key });
  }
}

/** The certificates of the last listener, or the last `startTls` of a server. */
let lastServer: { key: string; certificates: ServerCertificates } | undefined;

/** Prepares a server's certificates; throws if one is of no use. */
export function serverCertificates(
  tls: Tls,
  options: TlsListenOptions,
): ServerCertificates {
  const { cert, key, clientAuth, caCerts, sni } = options;
  if (sni !== undefined) return new ServerCertificates(tls, options);
  const id = JSON.stringify([cert, key, clientAuth, caCerts]);
  if (lastServer?.key !== id) {
    const certificates = new ServerCertificates(tls, options);
    lastServer = { key: id, certificates };
  }
  return lastServer.certificates;
}

/** Throws unless the certificates are of use. */
export async function checkCertificates(
  options: TlsListenOptions,
): Promise<void> {
  serverCertificates(await loadTls(), options);
}

/** The last context of a client: with the public roots it takes 20 ms to make. */
let lastClient: { key: string; context: SecureContext } | undefined;

/**
 * Makes the context of a client.
 *
 * @param hasRoots Whether the public roots can be added to `caCerts`.
 */
export function clientContext(
  tls: Tls,
  { caCerts = [], cert, key }: TlsConnectOptions,
  hasRoots: boolean,
): SecureContext {
  // Nothing is awaited here: many that connect at once make one.
  const id = JSON.stringify([caCerts, cert, key]);
  if (lastClient?.key === id) return lastClient.context;
  // `ca` replaces the public roots, where ours add.
  const roots = hasRoots ? tls.getCACertificates("default") : [];
  const trust = caCerts.length > 0 ? { ca: [...caCerts, ...roots] } : {};
  const context = makeContext(tls, trust, caCerts, { cert, key });
  lastClient = { key: id, context };
  return context;
}
