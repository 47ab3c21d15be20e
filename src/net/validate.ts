import type {
  BindOptions,
  ConnectOptions,
  ListenOptions,
  TlsConnectOptions,
  TlsListenOptions,
} from "../socket.ts";
import type {
  CheckedBind,
  CheckedConnect,
  CheckedListen,
} from "./checked_options.ts";
import { longestPath } from "./address.ts";
import { socketError } from "./socket_error.ts";

const encoder = new TextEncoder();
/** Four numbers up to 255, without leading zeros. */
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Checks and completes the options of `listen`. */
export function checkListen(options: ListenOptions): CheckedListen {
  checkTransport(options, ["tcp", "unix"]);
  const backlog = options.backlog ?? 511;
  checkInteger("backlog", backlog, 1, 2 ** 31 - 1);
  if (options.transport === "unix") {
    checkPath(options.path);
    refuse(options, "tls", "only TCP carries it");
    if (options.mode !== undefined) {
      checkInteger("mode", options.mode, 0, 0o777);
    }
    return { ...options, backlog };
  }
  const hostname = checkHostname(options.hostname);
  checkInteger("port", options.port, 0, 65535);
  if (options.tls !== undefined) checkTlsListen(options.tls);
  return { ...options, transport: "tcp", hostname, backlog };
}

/** Checks and completes the options of `connect`. */
export function checkConnect(options: ConnectOptions): CheckedConnect {
  checkTransport(options, ["tcp", "unix"]);
  refuseProxyProtocol(options);
  if (options.transport === "unix") {
    checkPath(options.path);
    refuse(options, "tls", "only TCP carries it");
    return options;
  }
  const hostname = checkHostname(options.hostname);
  checkInteger("port", options.port, 1, 65535);
  const tls = options.tls === undefined
    ? undefined
    : checkTlsConnect(options.tls);
  return { ...options, transport: "tcp", hostname, tls };
}

/** Checks and completes the options of `bind`. */
export function checkBind(options: BindOptions): CheckedBind {
  checkTransport(options, ["udp"]);
  refuse(options, "tls", "only TCP carries it");
  refuseProxyProtocol(options);
  const hostname = checkHostname(options.hostname);
  checkInteger("port", options.port, 0, 65535);
  if (options.multicastTtl !== undefined) {
    checkInteger("multicastTtl", options.multicastTtl, 0, 255);
  }
  checkBooleans(options, ["reuseAddress", "multicastLoopback"]);
  return { ...options, transport: "udp", hostname };
}

/** Returns the bytes to send, text as UTF-8. */
export function toBytes(data: Uint8Array | string): Uint8Array {
  if (typeof data === "string") return encoder.encode(data);
  if (data instanceof Uint8Array) return data;
  throw new TypeError(
    `Cannot send ${typeof data}: expected Uint8Array or string`,
  );
}

/** Returns the rejection of a receive with a wrong `maxBytes`. */
export function checkMaxBytes(maxBytes: unknown): Promise<never> | undefined {
  const isNumber = typeof maxBytes === "number";
  if (isNumber && Number.isInteger(maxBytes) && maxBytes > 0) return undefined;
  const message =
    `Cannot receive ${maxBytes} bytes: expected an integer above 0`;
  return Promise.reject(
    isNumber ? new RangeError(message) : new TypeError(message),
  );
}

/** Throws unless the value is an integer in the range, both ends included. */
export function checkInteger(
  name: string,
  value: number,
  min: number,
  max: number,
): void {
  if (typeof value !== "number") {
    throw new TypeError(`Invalid ${name} "${value}": expected a number`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(
      `Invalid ${name} ${value}: expected an integer from ${min} to ${max}`,
    );
  }
}

/** Throws unless the value is a number, and not below the minimum. */
export function checkNumber(name: string, value: number, min: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Invalid ${name} "${value}": expected a number`);
  }
  if (!(value >= min)) {
    throw new RangeError(`Invalid ${name} ${value}: expected at least ${min}`);
  }
}

/** Throws unless these options, where given, are functions. */
export function checkFunctions<Name extends string>(
  options: Partial<Record<Name, unknown>> | undefined,
  names: readonly Name[],
): void {
  for (const name of names) {
    const value = options?.[name];
    if (value !== undefined && typeof value !== "function") {
      throw new TypeError(`Invalid ${name} "${value}": expected a function`);
    }
  }
}

/** Throws unless these options, where given, are true or false. */
function checkBooleans<Name extends string>(
  options: Partial<Record<Name, unknown>>,
  names: readonly Name[],
): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined && typeof value !== "boolean") {
      throw new TypeError(`Invalid ${name} "${value}": expected true or false`);
    }
  }
}

/** Throws unless the options are an object, with a signal that is one. */
export function checkOptions(options: { signal?: AbortSignal }): void {
  if (options === null || typeof options !== "object") {
    throw new TypeError(`Invalid options "${options}": expected an object`);
  }
  checkSignal(options.signal);
}

/** Throws unless the signal, where given, is one. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError("Invalid signal: expected an AbortSignal");
  }
}

/** Returns the hostname without the brackets that URLs put around IPv6. */
export function checkHostname(hostname: string = "127.0.0.1"): string {
  if (typeof hostname !== "string" || hostname === "") {
    throw new TypeError(
      `Invalid hostname "${hostname}": expected a name or an IP address`,
    );
  }
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/**
 * Whether it is an IP address as sockets report it, not a name. It runs once a
 * datagram, so it is a glance: one with a colon cannot be a name.
 */
export function isAddress(hostname: string): boolean {
  return IPV4.test(hostname) ||
    (hostname.includes(":") && !hostname.includes("%"));
}

function checkTransport(
  options: { transport?: string; signal?: AbortSignal },
  known: string[],
): void {
  checkOptions(options);
  const { transport } = options;
  if (transport !== undefined && !known.includes(transport)) {
    const names = known.map((name) => `"${name}"`).join(" or ");
    throw new TypeError(`Invalid transport "${transport}": expected ${names}`);
  }
}

/** Refuses an option that would silently do nothing: TLS, least of all. */
function refuse(options: object, name: string, reason: string): void {
  if (Reflect.get(options, name) !== undefined) {
    throw new TypeError(`Invalid ${name}: ${reason}`);
  }
}

function refuseProxyProtocol(options: object): void {
  const reason = "only a listener of TCP or Unix reads its header";
  refuse(options, "proxyProtocol", reason);
}

function checkPath(path: string): void {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError(`Invalid path "${path}": expected a file name`);
  }
  // Bun binds longer ones that few can reach.
  const max = longestPath();
  if (encoder.encode(path).length > max) {
    const remedy =
      `the path is too long for a socket, at most ${max} bytes fit`;
    throw socketError("EINVAL", `Cannot use ${path}`, undefined, remedy);
  }
}

function checkTlsListen(tls: TlsListenOptions): void {
  if (tls === null || typeof tls !== "object") {
    throw new TypeError("Invalid tls: expected { cert, key }");
  }
  checkPem("cert", tls.cert, "CERTIFICATE");
  checkPem("key", tls.key, "");
  checkAlpn(tls.alpnProtocols);
}

function checkTlsConnect(tls: true | TlsConnectOptions): TlsConnectOptions {
  if (tls === true) return {};
  if (tls === null || typeof tls !== "object") {
    throw new TypeError("Invalid tls: expected true or options");
  }
  const { caCerts = [], serverName } = tls;
  if (!Array.isArray(caCerts)) {
    throw new TypeError("Invalid tls.caCerts: expected an array of PEM texts");
  }
  for (const cert of caCerts) checkPem("caCerts", cert, "CERTIFICATE");
  checkAlpn(tls.alpnProtocols);
  return serverName === undefined
    ? tls
    : { ...tls, serverName: checkHostname(serverName) };
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
