import type {
  BindOptions,
  ConnectOptions,
  ListenOptions,
  TcpConnectOptions,
  TcpListenOptions,
  UnixConnectOptions,
  UnixListenOptions,
} from "../socket.ts";
import type {
  CheckedBind,
  CheckedConnect,
  CheckedListen,
} from "./checked_options.ts";
import { parseIp } from "../ip.ts";
import { isAbstract, isLinux, longestPath, unixAddress } from "./address.ts";
import {
  BIND,
  TCP_CONNECT,
  TCP_LISTEN,
  UNIX_CONNECT,
  UNIX_LISTEN,
} from "./option_keys.ts";
import { checkHostname } from "./hostname.ts";
import { checkKeepAlive } from "./keep_alive.ts";
import { checkObject, type Keys, ownOptions } from "./own_options.ts";
import {
  checkBooleans,
  checkInteger,
  checkNumber,
  checkSignal,
} from "./validate_values.ts";
import { checkTlsConnect, checkTlsListen } from "./validate_tls.ts";
import { socketError } from "./socket_error.ts";

const encoder = new TextEncoder();

/** Checks and completes the options of `listen`. */
export function checkListen(given: ListenOptions): CheckedListen {
  const options = ownListen("listen", given, TCP_LISTEN, UNIX_LISTEN);
  const backlog = options.backlog ?? 511;
  checkInteger("backlog", backlog, 1, 2 ** 31 - 1);
  if (options.transport === "unix") {
    checkPath("listen", options.path);
    if (isAbstract(options.path)) refuseFileOptions(options);
    checkBooleans(options, ["removeStale"]);
    if (options.mode !== undefined) {
      checkInteger("mode", options.mode, 0, 0o777);
    }
    return { ...options, backlog };
  }
  const hostname = checkHostname(options.hostname);
  checkInteger("port", options.port, 0, 65535);
  checkBooleans(options, ["reusePort"]);
  const keepAlive = checkKeepAlive(options.keepAlive);
  const tls = checkTlsListen(options.tls);
  return {
    ...options,
    ...keepAlive,
    transport: "tcp",
    hostname,
    backlog,
    tls,
  };
}

/**
 * Returns the own options of a call that listens; throws on a wrong transport.
 *
 * @param tcp The options on TCP.
 * @param unix The options on a Unix socket.
 */
export function ownListen<
  Tcp extends TcpListenOptions,
  Unix extends UnixListenOptions,
>(
  call: string,
  options: Tcp | Unix,
  tcp: Keys<Tcp>,
  unix: Keys<Unix>,
): Tcp | Unix {
  checkTransport(call, options, ["tcp", "unix"]);
  return isUnix(options)
    ? ownOptions(call, options, unix, (key) => onlyTcp(key, tcp))
    : ownOptions(call, options, tcp, (key) => onlyUnix(key, unix));
}

/** Checks and completes the options of `connect`. */
export function checkConnect(given: ConnectOptions): CheckedConnect {
  checkTransport("connect", given, ["tcp", "unix"]);
  if (isUnix(given)) {
    const elsewhere = (key: string) => onlyTcp(key, TCP_CONNECT);
    const options = ownOptions("connect", given, UNIX_CONNECT, elsewhere);
    checkWait(options);
    checkPath("connect", options.path);
    return options;
  }
  const elsewhere = (key: string) => onlyUnix(key, UNIX_CONNECT);
  const options = ownOptions("connect", given, TCP_CONNECT, elsewhere);
  checkWait(options);
  const hostname = checkHostname(options.hostname);
  checkInteger("port", options.port, 1, 65535);
  checkLocal(options);
  const keepAlive = checkKeepAlive(options.keepAlive);
  const tls = checkTlsConnect(options.tls);
  return { ...options, ...keepAlive, transport: "tcp", hostname, tls };
}

/** Checks and completes the options of `bind`. */
export function checkBind(given: BindOptions): CheckedBind {
  const options = ownBind("bind", given, BIND);
  const hostname = checkHostname(options.hostname);
  checkInteger("port", options.port, 0, 65535);
  if (options.multicastTtl !== undefined) {
    checkInteger("multicastTtl", options.multicastTtl, 0, 255);
  }
  checkBooleans(options, ["reuseAddress", "multicastLoopback"]);
  return { ...options, transport: "udp", hostname };
}

/** Returns the own options of a call that binds; throws on a wrong transport. */
export function ownBind<Options extends BindOptions>(
  call: string,
  options: Options,
  keys: Keys<Options>,
): Options {
  checkTransport(call, options, ["udp"]);
  return ownOptions(
    call,
    options,
    keys,
    (key) => onlyTcp(key, TCP_LISTEN) ?? onlyUnix(key, UNIX_LISTEN),
  );
}

function checkLocal({ localAddress, localPort }: TcpConnectOptions): void {
  if (localPort !== undefined) checkInteger("localPort", localPort, 1, 65535);
  if (localAddress === undefined) return;
  if (typeof localAddress !== "string" || parseIp(localAddress) === undefined) {
    throw new TypeError(
      `Invalid localAddress "${localAddress}": expected an IP address`,
    );
  }
}

/** Checks what limits the wait of a call. */
function checkWait(
  { signal, timeout }: Pick<UnixConnectOptions, "signal" | "timeout">,
): void {
  checkSignal(signal);
  if (timeout === undefined) return;
  checkNumber("timeout", timeout, 0);
  if (timeout === 0) {
    throw new RangeError("Invalid timeout 0: expected milliseconds above 0");
  }
}

function checkTransport(call: string, options: object, known: string[]): void {
  checkObject(call, options);
  const transport = transportOf(options);
  if (transport === undefined || known.some((name) => name === transport)) {
    return;
  }
  const names = known.map((name) => `"${name}"`).join(" or ");
  const tls = transport === "tls" ? ", with the option tls" : "";
  throw new TypeError(
    `Invalid transport "${transport}" of ${call}: expected ${names}${tls}`,
  );
}

/** Returns the own `transport` of options, whatever they are. */
function transportOf(options: object): unknown {
  const isOwn = Object.hasOwn(Object(options), "transport");
  return isOwn ? Reflect.get(options, "transport") : undefined;
}

/** Whether options ask for datagrams. */
export function isUdp<Udp extends { transport: "udp" }>(
  options: object | Udp,
): options is Udp {
  return transportOf(options) === "udp";
}

/** Whether options ask for a Unix socket. */
export function isUnix<Unix extends { transport: "unix" }>(
  options: object | Unix,
): options is Unix {
  return transportOf(options) === "unix";
}

/** Refuses an option that would silently do nothing: TLS, least of all. */
function onlyTcp(key: string, tcp: object): string | undefined {
  return Object.hasOwn(tcp, key) ? "only TCP has it" : undefined;
}

function onlyUnix(key: string, unix: object): string | undefined {
  return Object.hasOwn(unix, key) ? 'it needs transport: "unix"' : undefined;
}

function checkPath(syscall: "listen" | "connect", path: string): void {
  const name = typeof path === "string" && isAbstract(path)
    ? path.slice(1)
    : path;
  if (typeof name !== "string" || name === "" || name.includes("\0")) {
    throw new TypeError(
      `Invalid path ${JSON.stringify(path)}: expected a file name`,
    );
  }
  if (path.startsWith("@")) {
    throw new TypeError(
      `Invalid path "${path}": an abstract name starts with "\\0", ` +
        `"\\0${path.slice(1)}"; a file is "./${path}"`,
    );
  }
  if (name !== path && !isLinux()) {
    const remedy = "only Linux has abstract names, use the path of a file";
    const call = { syscall, address: unixAddress(path) };
    throw socketError("ENOTSUP", call, undefined, remedy);
  }
  // Bun binds longer ones that few can reach.
  const max = longestPath();
  if (encoder.encode(path).length > max) {
    const remedy =
      `the path is too long for a socket, at most ${max} bytes fit`;
    const call = { syscall, address: unixAddress(path) };
    throw socketError("EINVAL", call, undefined, remedy);
  }
}

/** Refuses what would silently do nothing for a name without a file. */
function refuseFileOptions(options: UnixListenOptions): void {
  for (const name of ["mode", "removeStale"] as const) {
    if (options[name] !== undefined) {
      throw new TypeError(`Invalid ${name}: an abstract name has no file`);
    }
  }
}
