import { readFileSync } from "node:fs";
import { type ConnectOptions, formatAddress } from "../../../mod.ts";
import { toUnixPath } from "../flags.ts";

/** The flags of `ping`, for `parseArgs`; names and units are those of ping(8). */
export const pingFlags = {
  count: { type: "string", short: "c" },
  interval: { type: "string", short: "i", default: "1" },
  size: { type: "string", short: "s", default: "56" },
  timeout: { type: "string", short: "W", default: "5" },
  udp: { type: "boolean", default: false },
  tls: { type: "boolean", default: false },
  ca: { type: "string" },
  "server-name": { type: "string" },
  json: { type: "boolean", default: false },
} as const;

/** The values that `parseArgs` returns for {@linkcode pingFlags}. */
interface PingFlags {
  count?: string;
  interval: string;
  size: string;
  timeout: string;
  udp: boolean;
  tls: boolean;
  ca?: string;
  "server-name"?: string;
}

/** An echo server that is pinged over a connection. */
export interface StreamTarget {
  transport: "tcp" | "tls" | "unix";
  /** The address as `formatAddress` writes it. */
  name: string;
  /** Returns the options of `connect`; reads the file of `--ca`. */
  connectOptions(): ConnectOptions;
}

/** An echo server that is pinged with datagrams. */
export interface UdpTarget {
  transport: "udp";
  name: string;
  hostname: string;
  port: number;
}

export interface PingOptions {
  target: StreamTarget | UdpTarget;
  /** Messages to send; may be `Infinity`. */
  count: number;
  /** Milliseconds from one message to the next; 0 waits for the reply. */
  interval: number;
  /** Milliseconds for a reply, for the connection, and for its end. */
  timeout: number;
  /** Bytes of a message. */
  size: number;
  /** Random number that sets the payloads of this run apart from others. */
  seed: number;
}

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
    target: toTarget(name, flags),
    count: count === undefined
      ? Infinity
      : toInteger("count", count, 1, Number.MAX_SAFE_INTEGER),
    interval: toMilliseconds("interval", flags.interval, 0),
    timeout: toMilliseconds("timeout", flags.timeout, 0.001),
    size: udp
      ? toInteger("size", size, 0, MAX_SIZE.udp)
      : toInteger("size", size, 1, MAX_SIZE.stream),
    seed: crypto.getRandomValues(new Uint32Array(1))[0],
  };
}

function toTarget(text: string, flags: PingFlags): StreamTarget | UdpTarget {
  // An empty value counts as given.
  const tlsFlag = (["tls", "ca", "server-name"] as const).find((name) =>
    flags[name] !== undefined && flags[name] !== false
  );
  const unix = /^unix:(.+)$/s.exec(text)?.[1];
  if (unix !== undefined) {
    const path = toUnixPath(unix);
    rejectFlag(flags.udp ? "udp" : tlsFlag, "a Unix socket");
    return {
      name: formatAddress({ transport: "unix", path }),
      transport: "unix",
      connectOptions: () => ({ transport: "unix", path }),
    };
  }
  const { hostname, port } = toAddress(text);
  const name = formatAddress({ transport: "tcp", hostname, port });
  if (flags.udp) {
    rejectFlag(tlsFlag, "--udp");
    return { name, transport: "udp", hostname, port };
  }
  if (tlsFlag === undefined) {
    const connectOptions = () => ({ hostname, port });
    return { name, transport: "tcp", connectOptions };
  }
  const { ca, "server-name": serverName } = flags;
  const connectOptions = () => {
    const caCerts = ca === undefined ? [] : [readFileSync(ca, "utf8")];
    return { hostname, port, tls: { caCerts, serverName } };
  };
  return { name, transport: "tls", connectOptions };
}

/** Parses `HOST:PORT` and `[IPV6]:PORT`. */
function toAddress(text: string): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(text);
  if (match === null) {
    throw new TypeError(
      `Invalid TARGET "${text}": expected HOST:PORT, [IPV6]:PORT or unix:PATH`,
    );
  }
  const port = checkRange("port", Number(match[3]), 1, 65_535);
  return { hostname: match[1] ?? match[2], port };
}

function rejectFlag(flag: string | undefined, target: string): void {
  if (flag === undefined) return;
  throw new TypeError(`--${flag} does not go with ${target}`);
}

function toInteger(
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
function toMilliseconds(flag: string, text: string, min: number): number {
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
