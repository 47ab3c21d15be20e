import type {
  StartTlsOptions,
  TlsConnectOptions,
  TlsIdentity,
  TlsListenOptions,
} from "../socket.ts";
import { checkHostname } from "./hostname.ts";
import { TLS_CONNECT, TLS_LISTEN } from "./option_keys.ts";
import { checkObject, ownOptions } from "./own_options.ts";
import type { TlsRequest } from "./tls_request.ts";
import { checkBooleans, checkSignal } from "./validate_values.ts";

/** Checks the option `tls` of `listen`. */
export function checkTlsListen(
  tls: TlsListenOptions | false | undefined,
): TlsListenOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === null || typeof tls !== "object") {
    throw new TypeError("Invalid tls: expected { cert, key }");
  }
  const options = ownOptions("tls", tls, TLS_LISTEN);
  checkIdentity(options);
  checkAlpn(options.alpnProtocols);
  checkCaCerts(options.caCerts);
  checkClientAuth(options);
  const { sni } = options;
  if (sni !== undefined && typeof sni !== "function") {
    throw new TypeError("Invalid tls.sni: expected a function");
  }
  return options;
}

/** Checks the option `tls` of `connect`. */
export function checkTlsConnect(
  tls: boolean | TlsConnectOptions | undefined,
): TlsConnectOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === null || (tls !== true && typeof tls !== "object")) {
    throw new TypeError("Invalid tls: expected true or options");
  }
  const options = ownOptions("tls", tls === true ? {} : tls, TLS_CONNECT);
  const { cert, key, serverName } = options;
  checkCaCerts(options.caCerts);
  checkAlpn(options.alpnProtocols);
  if (cert !== undefined || key !== undefined) checkIdentity({ cert, key });
  return serverName === undefined
    ? options
    : { ...options, serverName: checkHostname(serverName) };
}

/** Checks the options of `startTls`; a client's have the name to verify. */
export function checkStartTls(
  options: StartTlsOptions,
  hostname: string | undefined,
): Pick<TlsRequest, "server" | "client" | "signal"> {
  checkObject("startTls", options);
  // Own properties only.
  const own = { serverSide: undefined, signal: undefined, ...options };
  checkSignal(own.signal);
  checkBooleans(own, ["serverSide"]);
  if (own.serverSide) {
    const { serverSide: _, signal, ...tls } = own;
    return { server: checkTlsListen(tls), signal };
  }
  const { serverSide: _, signal, ...tls } = own;
  const client = checkTlsConnect(tls);
  const serverName = client?.serverName ?? hostname;
  if (serverName === undefined) {
    throw new TypeError(
      "Invalid serverName of startTls: expected the name to verify, for this " +
        "connection was not made by a hostname",
    );
  }
  return { client: { ...client, serverName }, signal };
}

/** Checks a certificate and its key, also those that `sni` returns. */
export function checkIdentity(identity: Partial<TlsIdentity>): void {
  checkPem("cert", identity.cert, "CERTIFICATE");
  checkPem("key", identity.key, "");
}

function checkClientAuth({ clientAuth, caCerts }: TlsListenOptions): void {
  if (clientAuth === undefined) {
    // Not silently without effect: who sets it means to keep clients out.
    if (caCerts === undefined) return;
    throw new TypeError(
      'Invalid tls.caCerts: a listener needs clientAuth, too, "require" or ' +
        '"request"',
    );
  }
  if (!["request", "require"].includes(clientAuth)) {
    throw new TypeError(
      `Invalid tls.clientAuth "${clientAuth}": expected "request" or "require"`,
    );
  }
  if (caCerts === undefined || caCerts.length === 0) {
    throw new TypeError(
      "Invalid tls.clientAuth: it needs caCerts, the authorities to trust",
    );
  }
}

function checkCaCerts(caCerts: string[] = []): void {
  if (!Array.isArray(caCerts)) {
    throw new TypeError("Invalid tls.caCerts: expected an array of PEM texts");
  }
  for (const cert of caCerts) checkPem("caCerts", cert, "CERTIFICATE");
}

/** Checks that it is the text of a PEM file; the runtimes look closer. */
function checkPem(name: string, value: unknown, kind: string): void {
  if (typeof value !== "string" || !value.includes(`-----BEGIN ${kind}`)) {
    throw new TypeError(`Invalid tls.${name}: expected the text of a PEM file`);
  }
}

function checkAlpn(protocols: string[] = []): void {
  // Bytes by the standard, but runtimes differ on those beyond ASCII.
  const isValid = (name: unknown) =>
    typeof name === "string" && /^[!-~]{1,255}$/.test(name);
  if (!Array.isArray(protocols) || !protocols.every(isValid)) {
    throw new TypeError(
      "Invalid tls.alpnProtocols: expected names of 1 to 255 ASCII characters",
    );
  }
}
