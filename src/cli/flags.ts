// The flags of the servers, and the options that they set.
import { readFileSync } from "node:fs";
import { limitedLog, logEvent } from "./client_log.ts";
import {
  type Address,
  type Connection,
  formatAddress,
  type ServeEchoOptions,
  type SocketError,
  type TlsListenOptions,
} from "../../mod.ts";

/** The flags of an address, for `parseArgs`. */
const addressFlags = (port: string) => ({
  hostname: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: port },
  udp: { type: "boolean", default: false },
  unix: { type: "string" },
} as const);

/** The flags of a server, for `parseArgs`. */
export const serverFlags = (port: string) => ({
  ...addressFlags(port),
  cert: { type: "string" },
  key: { type: "string" },
  "max-connections": { type: "string" },
  "max-connections-per-host": { type: "string" },
  "idle-timeout": { type: "string" },
  "proxy-protocol": { type: "string" },
  "remove-stale": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  metrics: { type: "string" },
} as const);

/** The flags of a greeting server, for `parseArgs`. */
export const greetingFlags = {
  ...serverFlags("8080"),
  message: { type: "string", default: "Hello, client!" },
  when: { type: "string", default: "connect" },
} as const;

/** The values that `parseArgs` returns for {@linkcode serverFlags}. */
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
  "remove-stale": boolean;
  json: boolean;
  metrics?: string;
}

/** Flags without a meaning on a transport: ignored, `--tls` would be unsafe. */
const INCOMPATIBLE = {
  udp: [
    ...["unix", "cert", "key", "tls", "ca"],
    ...["max-connections", "max-connections-per-host", "idle-timeout"],
    ...["proxy-protocol", "remove-stale"],
  ],
  unix: ["cert", "key", "tls", "ca"],
};

/** Rejects flags that exclude each other. */
function checkFlags(flags: { udp: boolean; unix?: string }): void {
  const transport = flags.udp
    ? "udp"
    : flags.unix !== undefined
    ? "unix"
    : undefined;
  if (transport === undefined) return;
  for (const [name, value] of Object.entries(flags)) {
    // An empty value counts as given.
    const isGiven = value !== undefined && value !== false;
    if (isGiven && INCOMPATIBLE[transport].includes(name)) {
      throw new TypeError(`--${name} does not go with --${transport}`);
    }
  }
}

/** Converts what `unix:` or `--unix` names: `@name` is an abstract name. */
export function toUnixPath(text: string): string {
  return text.replace(/^@/, "\0");
}

/** Parses the value of a flag as a number. */
function toNumber(flag: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new TypeError(`Invalid --${flag} "${text}": expected an integer`);
}

/** Converts the flags to options of a server; reads the certificate. */
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
    onConnect: (conn: Connection) => {
      const peer = formatAddress(conn.remoteAddr);
      logEvent({ event: "connect", peer, text: peer }, flags.json);
    },
    onReject: limitedLog((addr: Address, error: SocketError) => ({
      event: "reject",
      peer: formatAddress(addr),
      code: error.code,
      text: error.message,
    }), flags.json),
  };
  if (unix !== undefined) {
    const proxyProtocol = proxies !== undefined && checkUnixProxy(proxies);
    const path = toUnixPath(unix);
    // Not `false`: with an abstract name the option is an error.
    const removeStale = flags["remove-stale"] || undefined;
    return { transport: "unix", path, proxyProtocol, removeStale, ...limits };
  }
  if (flags["remove-stale"]) {
    throw new TypeError("--remove-stale goes with --unix only");
  }
  const proxyProtocol = proxies === undefined
    ? undefined
    : { trustedProxies: proxies.split(",") };
  return { hostname, port, tls: readTlsFiles(flags), proxyProtocol, ...limits };
}

/** Rejects lists of addresses: the socket file's mode decides who connects. */
function checkUnixProxy(proxies: string): true {
  if (proxies === "unix") return true;
  throw new TypeError(
    `Invalid --proxy-protocol "${proxies}": expected "unix" with --unix`,
  );
}

function readTlsFiles(
  { cert, key }: ServerFlags,
): TlsListenOptions | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new TypeError("TLS needs both, --cert FILE and --key FILE");
  }
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** Parses the value of `--when`. */
export function toWhen(when: string): "connect" | "message" {
  if (when === "connect" || when === "message") return when;
  throw new TypeError(
    `Invalid --when "${when}": expected connect or message`,
  );
}
