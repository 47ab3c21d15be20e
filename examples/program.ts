// What the examples share: their flags, one line per error, the end on a signal.
import { readFileSync } from "node:fs";
import process from "node:process";
import {
  type Address,
  type Connection,
  formatAddress,
  type ServeEchoOptions,
  type TlsListenOptions,
} from "../mod.ts";

/** How long connected clients may finish after the first signal. */
const GRACE = 5000;

/** Runs a program: an error is one line on standard error, and status 1. */
export async function run(program: () => Promise<void>): Promise<void> {
  // Whoever reads our output may leave before its end, as `head` does.
  process.stdout.on("error", fail);
  try {
    await program();
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  console.error(message.replaceAll("\n", " "));
  process.exitCode = 1;
}

/** What means nothing there: least of all may TLS silently be plain text. */
const FOREIGN = {
  udp: [
    ...["unix", "cert", "key", "tls", "ca"],
    ...["max-connections", "max-connections-per-host", "idle-timeout"],
    "proxy-protocol",
  ],
  unix: ["cert", "key", "tls", "ca"],
};

/** Refuses flags that do not go together. */
export function checkFlags(flags: { udp: boolean; unix?: string }): void {
  const way = flags.udp ? "udp" : flags.unix !== undefined ? "unix" : undefined;
  if (way === undefined) return;
  const given = Object.entries(flags).filter(([, value]) => value);
  const wrong = given.find(([name]) => FOREIGN[way].includes(name));
  if (wrong !== undefined) {
    throw new TypeError(`--${wrong[0]} does not go with --${way}`);
  }
}

/** Says where the server listens, and stops it on SIGINT or SIGTERM. */
export async function serveUntilSignal(
  server: {
    addr: Address;
    finished: Promise<void>;
    shutdown(options: { timeout: number }): Promise<void>;
  },
  secure = false,
): Promise<void> {
  let signals = 0;
  const stop = () =>
    void server.shutdown({ timeout: signals++ === 0 ? GRACE : 0 });
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const { addr } = server;
  const kind = secure ? "tls " : addr.transport === "udp" ? "udp " : "";
  console.log(`listening on ${kind}${formatAddress(addr)}`);
  await server.finished;
  process.off("SIGINT", stop).off("SIGTERM", stop);
}

/** The flags that say where, for `parseArgs`. */
export const addressFlags = (port: string) => ({
  hostname: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: port },
  udp: { type: "boolean", default: false },
  unix: { type: "string" },
} as const);

/** The flags of a server, for `parseArgs`: where, as whom, and how much. */
export const serverFlags = (port: string) => ({
  ...addressFlags(port),
  cert: { type: "string" },
  key: { type: "string" },
  "max-connections": { type: "string" },
  "max-connections-per-host": { type: "string" },
  "idle-timeout": { type: "string" },
  "proxy-protocol": { type: "string" },
} as const);

/** What `parseArgs` makes of {@linkcode serverFlags}. */
export interface ServerFlags {
  hostname: string;
  port: string;
  udp: boolean;
  unix?: string;
  cert?: string;
  key?: string;
  "max-connections"?: string;
  "max-connections-per-host"?: string;
  "idle-timeout"?: string;
  "proxy-protocol"?: string;
}

/** The options that those flags ask for. */
export function serverOptions(flags: ServerFlags): ServeEchoOptions {
  const { hostname, unix, "proxy-protocol": proxies } = flags;
  const port = toNumber("port", flags.port);
  checkFlags(flags);
  if (flags.udp) return { transport: "udp", hostname, port };
  const limit = (name: keyof ServerFlags) => {
    const text = flags[name];
    return typeof text === "string" ? toNumber(name, text) : undefined;
  };
  const limits = {
    maxConnections: limit("max-connections"),
    maxConnectionsPerHost: limit("max-connections-per-host"),
    idleTimeout: limit("idle-timeout"),
    onConnect: (conn: Connection) =>
      console.error(formatAddress(conn.remoteAddr)),
  };
  if (unix !== undefined) {
    const proxyProtocol = proxies !== undefined && checkUnixProxy(proxies);
    return { transport: "unix", path: unix, proxyProtocol, ...limits };
  }
  const proxyProtocol = proxies === undefined
    ? undefined
    : { trustedProxies: proxies.split(",") };
  return { hostname, port, tls: identity(flags), proxyProtocol, ...limits };
}

/** A socket file's mode says who may connect, so there is no list of addresses. */
function checkUnixProxy(proxies: string): true {
  if (proxies === "unix") return true;
  throw new TypeError(
    `Invalid --proxy-protocol "${proxies}": expected "unix" with --unix`,
  );
}

function identity({ cert, key }: ServerFlags): TlsListenOptions | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new TypeError("TLS needs both, --cert FILE and --key FILE");
  }
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** Reads a flag that is a number. */
export function toNumber(flag: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new TypeError(`Invalid --${flag} "${text}": expected an integer`);
}
