// What `ping` is asked for: its flags, and what they say.
import { readFileSync } from "node:fs";
import { type ConnectOptions, formatAddress } from "../../mod.ts";
import { isGiven, toNumber } from "./flags.ts";

/** The flags of `ping`, for `parseArgs`; the names and units of ping(8). */
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

/** What `parseArgs` makes of {@linkcode pingFlags}. */
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

/** An echo server that is reached by a connection. */
export interface StreamTarget {
  transport: "tcp" | "tls" | "unix";
  /** As `formatAddress` writes it. */
  name: string;
  /** Reads the files that it names. */
  options(): ConnectOptions;
}

/** An echo server that is sent datagrams. */
export interface UdpTarget {
  transport: "udp";
  name: string;
  hostname: string;
  port: number;
}

/** What to send where; times are milliseconds. */
export interface Plan {
  target: StreamTarget | UdpTarget;
  count: number;
  interval: number;
  timeout: number;
  size: number;
  /** What makes the bytes of this run different from those of others. */
  seed: number;
}

/** The most that a UDP datagram holds, and what is sensible to hold twice. */
const LARGEST = { udp: 65_507, stream: 64 * 1024 * 1024 };
/** A day in seconds, more than anybody waits. */
const LONGEST = 86_400;

/** Reads the flags, and the target that stands beside them. */
export function toPlan(flags: PingFlags, targets: string[]): Plan {
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
      ? toInteger("size", size, 0, LARGEST.udp)
      : toInteger("size", size, 1, LARGEST.stream),
    seed: crypto.getRandomValues(new Uint32Array(1))[0],
  };
}

function toTarget(text: string, flags: PingFlags): StreamTarget | UdpTarget {
  const secure = (["tls", "ca", "server-name"] as const).find((name) =>
    isGiven(flags[name])
  );
  const unix = /^unix:(.+)$/.exec(text)?.[1];
  if (unix !== undefined) {
    refuse(flags.udp ? "udp" : secure, "a Unix socket");
    return {
      name: text,
      transport: "unix",
      options: () => ({ transport: "unix", path: unix }),
    };
  }
  const { hostname, port } = toAddress(text);
  const name = formatAddress({ transport: "tcp", hostname, port });
  if (flags.udp) {
    refuse(secure, "--udp");
    return { name, transport: "udp", hostname, port };
  }
  if (secure === undefined) {
    return { name, transport: "tcp", options: () => ({ hostname, port }) };
  }
  const { ca } = flags;
  const serverName = flags["server-name"];
  const options = () => {
    const caCerts = ca === undefined ? [] : [readFileSync(ca, "utf8")];
    return { hostname, port, tls: { caCerts, serverName } };
  };
  return { name, transport: "tls", options };
}

/** Reads `HOST:PORT` and `[IPV6]:PORT`. */
function toAddress(text: string): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(text);
  if (match === null) {
    throw new TypeError(
      `Invalid TARGET "${text}": expected HOST:PORT, [IPV6]:PORT or unix:PATH`,
    );
  }
  const port = inRange("port", Number(match[3]), 1, 65_535);
  return { hostname: match[1] ?? match[2], port };
}

function refuse(flag: string | undefined, beside: string): void {
  if (flag === undefined) return;
  throw new TypeError(`--${flag} does not go with ${beside}`);
}

function toInteger(
  flag: string,
  text: string,
  least: number,
  most: number,
): number {
  return inRange(`--${flag}`, toNumber(flag, text), least, most);
}

function toMilliseconds(flag: string, text: string, least: number): number {
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text)) {
    throw new TypeError(`Invalid --${flag} "${text}": expected seconds`);
  }
  return inRange(`--${flag}`, Number(text), least, LONGEST) * 1000;
}

function inRange(
  name: string,
  value: number,
  least: number,
  most: number,
): number {
  if (value >= least && value <= most) return value;
  throw new RangeError(
    `Invalid ${name} ${value}: expected ${least} to ${most}`,
  );
}
