// The flags of a server, and the options that they ask for.
import { readFileSync } from "node:fs";
import {
  type Connection,
  formatAddress,
  type ServeEchoOptions,
  type TlsListenOptions,
} from "../../mod.ts";
import { addressFlags, checkFlags, toNumber } from "./flags.ts";

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

/** The flags of a greeting server, for `parseArgs`. */
export const greetingFlags = {
  ...serverFlags("8080"),
  message: { type: "string", default: "Hello, client!" },
  when: { type: "string", default: "connect" },
} as const;

/** Reads the flag that says when to greet. */
export function toWhen(when: string): "connect" | "message" {
  if (when === "connect" || when === "message") return when;
  throw new TypeError(
    `Invalid --when "${when}": expected connect or message`,
  );
}
