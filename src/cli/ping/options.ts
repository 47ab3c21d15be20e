import { readFileSync } from "node:fs";
import { lookup } from "node:dns/promises";
import { type ConnectOptions, formatAddress } from "../../../mod.ts";
import { parseIp } from "../../ip.ts";
import { toUnixPath } from "../flags.ts";

/** The flags of a server to connect to, for `parseArgs`. */
export const targetFlags = {
  ipv4: { type: "boolean", short: "4", default: false },
  ipv6: { type: "boolean", short: "6", default: false },
  tls: { type: "boolean", default: false },
  ca: { type: "string" },
  "server-name": { type: "string" },
} as const;

/** The flags of `ping`, for `parseArgs`; names and units are those of ping(8). */
export const pingFlags = {
  count: { type: "string", short: "c" },
  interval: { type: "string", short: "i", default: "1" },
  size: { type: "string", short: "s", default: "56" },
  timeout: { type: "string", short: "W", default: "5" },
  deadline: { type: "string", short: "w" },
  quiet: { type: "boolean", short: "q", default: false },
  ...targetFlags,
  udp: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

/** The values that `parseArgs` returns for {@linkcode pingFlags}. */
interface PingFlags extends TargetFlags {
  count?: string;
  interval: string;
  size: string;
  timeout: string;
  deadline?: string;
  quiet: boolean;
  udp: boolean;
}

/** The values that `parseArgs` returns for {@linkcode targetFlags}. */
export interface TargetFlags {
  ipv4: boolean;
  ipv6: boolean;
  tls: boolean;
  ca?: string;
  "server-name"?: string;
}

/** An echo server that is pinged over a connection. */
export interface StreamTarget {
  transport: "tcp" | "tls" | "unix";
  /** The address as `formatAddress` writes it. */
  name: string;
  /** Returns the options of `connect`: reads `--ca`, resolves for `-4`, `-6`. */
  connectOptions(): Promise<ConnectOptions>;
}

/** An echo server that is pinged with datagrams. */
export interface UdpTarget {
  transport: "udp";
  name: string;
  port: number;
  /** Returns the name or, for `-4` and `-6`, its IP. */
  resolve(): Promise<string>;
}

export interface PingOptions {
  target: StreamTarget | UdpTarget;
  /** Messages to send; may be `Infinity`. */
  count: number;
  /** Milliseconds from one message to the next; 0 waits for the reply. */
  interval: number;
  /** Milliseconds for a reply, for the connection, and for its end. */
  timeout: number;
  /** Milliseconds for the whole run; may be `Infinity`. */
  deadline: number;
  /** Whether to print the first line and the summary alone. */
  quiet: boolean;
  /** Bytes of a message. */
  size: number;
  /** Random number that sets the payloads of this run apart from others. */
  seed: number;
}

/** The port of the echo protocol (RFC 862). */
const ECHO_PORT = 7;
/** Limits of a UDP datagram, and of the memory that a stream needs twice. */
const MAX_SIZE = { udp: 65_507, stream: 64 * 1024 * 1024 };
/** Limit of times in seconds: a day. */
const MAX_SECONDS = 86_400;

/** Validates the flags and the target. */
export function toPingOptions(
  flags: PingFlags,
  targets: string[],
): PingOptions {
  const [name, extra] = targets;
  if (name === undefined) {
    throw new TypeError("Expected a TARGET, as 127.0.0.1:7");
  }
  if (extra !== undefined) {
    throw new TypeError(`Expected one TARGET, not "${extra}" as well`);
  }
  const { count, size, udp } = flags;
  return {
    target: udp
      ? toUdpTarget(name, flags)
      : toStreamTarget(name, flags, ECHO_PORT),
    count: count === undefined
      ? Infinity
      : toInteger("count", count, 1, Number.MAX_SAFE_INTEGER),
    interval: toMilliseconds("interval", flags.interval, 0),
    timeout: toMilliseconds("timeout", flags.timeout, 0.001),
    deadline: flags.deadline === undefined
      ? Infinity
      : toMilliseconds("deadline", flags.deadline, 0.001),
    quiet: flags.quiet,
    size: udp
      ? toInteger("size", size, 0, MAX_SIZE.udp)
      : toInteger("size", size, 1, MAX_SIZE.stream),
    seed: crypto.getRandomValues(new Uint32Array(1))[0],
  };
}

/** Parses a target of datagrams. */
function toUdpTarget(text: string, flags: TargetFlags): UdpTarget {
  if (text.startsWith("unix:")) rejectFlag("udp", "a Unix socket");
  rejectFlag(tlsFlag(flags), "--udp");
  const address = toAddress(text, ECHO_PORT);
  const family = toFamily(flags, address.hostname);
  return {
    name: formatAddress({ transport: "udp", ...address }),
    transport: "udp",
    port: address.port,
    resolve: () => resolveHost(address.hostname, family),
  };
}

/**
 * Parses a target of a connection.
 *
 * @param defaultPort The port of a target without one, if it may lack it.
 */
export function toStreamTarget(
  text: string,
  flags: TargetFlags,
  defaultPort?: number,
): StreamTarget {
  const secure = tlsFlag(flags);
  const unix = /^unix:(.+)$/s.exec(text)?.[1];
  if (unix !== undefined) {
    const path = toUnixPath(unix);
    const family = flags.ipv4 ? "ipv4" : flags.ipv6 ? "ipv6" : undefined;
    rejectFlag(secure ?? family, "a Unix socket");
    return {
      name: formatAddress({ transport: "unix", path }),
      transport: "unix",
      connectOptions: () => Promise.resolve({ transport: "unix", path }),
    };
  }
  const { hostname, port } = toAddress(text, defaultPort);
  const family = toFamily(flags, hostname);
  return {
    name: formatAddress({ transport: "tcp", hostname, port }),
    transport: secure === undefined ? "tcp" : "tls",
    async connectOptions() {
      const at = { hostname: await resolveHost(hostname, family), port };
      if (secure === undefined) return at;
      const named = at.hostname === hostname ? undefined : hostname;
      const { ca, "server-name": serverName = named } = flags;
      const caCerts = ca === undefined ? [] : [readFileSync(ca, "utf8")];
      return { ...at, tls: { caCerts, serverName } };
    },
  };
}

/** Returns the flag that asks for TLS; an empty value counts as given. */
function tlsFlag(flags: TargetFlags): string | undefined {
  return (["tls", "ca", "server-name"] as const).find((name) =>
    flags[name] !== undefined && flags[name] !== false
  );
}

/** Returns the version of IP that `-4` or `-6` asks for. */
function toFamily(
  { ipv4, ipv6 }: TargetFlags,
  hostname: string,
): 4 | 6 | undefined {
  if (ipv4 && ipv6) throw new TypeError("-4 and -6 exclude each other");
  if (!ipv4 && !ipv6) return undefined;
  const family = ipv4 ? 4 : 6;
  const ip = parseIp(hostname);
  if (ip !== undefined && hostname.includes(":") !== ipv6) {
    throw new TypeError(`-${family} does not go with ${hostname}`);
  }
  return family;
}

async function resolveHost(hostname: string, family?: 4 | 6): Promise<string> {
  if (family === undefined) return hostname;
  return (await lookup(hostname, { family })).address;
}

/** Parses `HOST:PORT` and `[IPV6]:PORT`, or without a port if there is a default. */
function toAddress(
  text: string,
  defaultPort?: number,
): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text);
  const digits = match?.[3] ?? defaultPort;
  if (match === null || digits === undefined) {
    throw new TypeError(
      `Invalid TARGET "${text}": expected HOST:PORT, [IPV6]:PORT or unix:PATH`,
    );
  }
  const port = checkRange("port", Number(digits), 1, 65_535);
  return { hostname: match[1] ?? match[2], port };
}

function rejectFlag(flag: string | undefined, target: string): void {
  if (flag === undefined) return;
  throw new TypeError(`--${flag} does not go with ${target}`);
}

export function toInteger(
  flag: string,
  text: string,
  min: number,
  max: number,
): number {
  if (!/^\d+$/.test(text)) {
    throw new TypeError(`Invalid --${flag} "${text}": expected an integer`);
  }
  return checkRange(`--${flag}`, Number(text), min, max);
}

/** Parses seconds, with a fraction, and returns milliseconds. */
export function toMilliseconds(
  flag: string,
  text: string,
  min: number,
): number {
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text)) {
    throw new TypeError(`Invalid --${flag} "${text}": expected seconds`);
  }
  return checkRange(`--${flag}`, Number(text), min, MAX_SECONDS) * 1000;
}

function checkRange(
  name: string,
  value: number,
  min: number,
  max: number,
): number {
  if (value >= min && value <= max) return value;
  throw new RangeError(`Invalid ${name} ${value}: expected ${min} to ${max}`);
}
