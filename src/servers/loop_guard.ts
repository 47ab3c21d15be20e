import { canonicalIp } from "../ip.ts";
import { isWildcard } from "../net/address.ts";
import type { NetAddress } from "../socket.ts";
import { isBroadcast } from "./broadcast.ts";

/**
 * Limits of the loop guard, which decides which datagrams a server may answer.
 * Two servers that answer each other never stop, and one datagram with a forged
 * source address is enough to start them (CERT CA-1996-01, CVE-2024-2169).
 *
 * A loop that the ports do not reveal ends when it exceeds a limit; a slower
 * one goes on, and costs no more than the limit. There are three: for each peer,
 * which is an IP and a port; for each IP, since many slow loops may run between
 * two hosts; and in total, since sources may be forged. The server remembers at
 * least the last 8192 peers and IPs, and at most twice as many.
 *
 * Servers that keep the defaults of the last two share them: these limits are
 * the process's. A server that sets one of `addressBurst`, `addressRate`,
 * `totalBurst` and `totalRate` has its own.
 *
 * Whatever the limits, the server answers neither itself nor a multicast or
 * broadcast address. The broadcast addresses of the machine's networks come
 * from a list of its interfaces, which on Deno needs
 * `--allow-sys=networkInterfaces`; without it, only 255.255.255.255 and
 * 127.255.255.255 are known.
 *
 * {@linkcode DatagramServerStats.withheld} counts the withheld replies.
 *
 * @category Options
 */
export interface LoopGuardOptions {
  /**
   * The lowest port to answer; 0 for every port. Ports below the default belong
   * to well-known services, which may answer back.
   *
   * @default 1024
   */
  lowestPort?: number | undefined;
  /**
   * Replies to one peer that may follow each other without a pause, at least 1.
   *
   * @default 10000
   */
  burst?: number | undefined;
  /**
   * Replies per second to one peer after the burst, at least 0.
   *
   * @default 1000
   */
  rate?: number | undefined;
  /**
   * Replies to all ports of one IP that may follow each other without a pause,
   * at least 1. Raise it if many clients share an IP.
   *
   * @default 50000
   */
  addressBurst?: number | undefined;
  /**
   * Replies per second to one IP after the burst, at least 0.
   *
   * @default 5000
   */
  addressRate?: number | undefined;
  /**
   * Replies to all peers that may follow each other without a pause, at least 1.
   *
   * @default 250000
   */
  totalBurst?: number | undefined;
  /**
   * Replies per second to all peers after the burst, at least 0. Raise it for a
   * busy server.
   *
   * @default 25000
   */
  totalRate?: number | undefined;
}

/** Peers, and addresses, of a generation; two generations are remembered. */
const GENERATION = 8192;

interface Limit {
  burst: number;
  /** Per second. */
  rate: number;
}

/** A token bucket. */
interface Bucket {
  /** Replies left at `since`. */
  left: number;
  /** When `left` was updated, by `Date.now()`. */
  since: number;
}

interface PeerBucket extends Bucket {
  /** The bucket of the peer's IP, kept here to save a look-up. */
  address: Bucket;
}

/**
 * Remembers what was added last. To forget a whole generation is much cheaper
 * than to look for the oldest entry of a map each time.
 */
class Recent<T> {
  #current = new Map<string, T>();
  #previous = new Map<string, T>();

  get(key: string): T | undefined {
    return this.#current.get(key) ?? this.#previous.get(key);
  }

  add(key: string, value: T): void {
    if (this.#current.size >= GENERATION) {
      this.#previous = this.#current;
      this.#current = new Map();
    }
    this.#current.set(key, value);
  }
}

/** The limits that a server has in common with others. */
class SharedLimits {
  readonly address: Limit;
  readonly total: Limit;
  readonly addresses = new Recent<Bucket>();
  readonly all: Bucket;

  constructor(
    {
      addressBurst = 50_000,
      addressRate = 5000,
      totalBurst = 250_000,
      totalRate = 25_000,
    }: LoopGuardOptions,
  ) {
    this.address = { burst: addressBurst, rate: addressRate };
    this.total = { burst: totalBurst, rate: totalRate };
    this.all = { left: totalBurst, since: Date.now() };
  }
}

/** Those of every server that does not set its own. */
const ofProcess = new SharedLimits({});

/** Returns a function that decides for each datagram whether to reply. */
export function loopGuard(
  own: NetAddress<"udp">,
  options: LoopGuardOptions,
): (peer: NetAddress<"udp">) => boolean {
  const { lowestPort = 1024, burst = 10_000, rate = 1000 } = options;
  const limit = { burst, rate };
  const { address, total, addresses, all } = hasOwnLimits(options)
    ? new SharedLimits(options)
    : ofProcess;
  const peers = new Recent<PeerBucket>();
  const ownIp = canonicalIp(own.hostname);
  const wildcard = isWildcard(ownIp);

  const add = (name: string, { hostname, port }: NetAddress<"udp">) => {
    const ip = canonicalIp(hostname);
    // A wildcard may receive on any of its addresses, so the port decides.
    const isOwn = port === own.port && (wildcard || ip === ownIp);
    if (port < lowestPort || isOwn || isGroup(ip)) return undefined;
    const since = Date.now();
    let ofAddress = addresses.get(ip);
    if (ofAddress === undefined) {
      ofAddress = { left: address.burst, since };
      addresses.add(ip, ofAddress);
    }
    const bucket = { left: burst, since, address: ofAddress };
    peers.add(name, bucket);
    return bucket;
  };

  return (peer) => {
    const name = `${peer.hostname} ${peer.port}`;
    const bucket = peers.get(name) ?? add(name, peer);
    if (bucket === undefined) return false;
    // `Date.now()` is cheaper than the monotonic clock; set back, it adds
    // nothing for a while.
    const now = Date.now();
    const isAllowed = refill(bucket, limit, now) >= 1 &&
      refill(bucket.address, address, now) >= 1 && refill(all, total, now) >= 1;
    if (!isAllowed) return false;
    bucket.left--;
    bucket.address.left--;
    all.left--;
    return true;
  };
}

function hasOwnLimits(options: LoopGuardOptions): boolean {
  const { addressBurst, addressRate, totalBurst, totalRate } = options;
  return [addressBurst, addressRate, totalBurst, totalRate]
    .some((value) => value !== undefined);
}

/** Adds what a bucket has earned; returns how many replies are left. */
function refill(bucket: Bucket, { burst, rate }: Limit, now: number): number {
  const elapsed = Math.max(0, now - bucket.since);
  bucket.since = now;
  // In no time, too, which times infinity is no number.
  const earned = rate === Infinity ? burst : elapsed * rate / 1000;
  return bucket.left = Math.min(burst, bucket.left + earned);
}

/** Returns whether a reply to this IP would reach several hosts, or none. */
function isGroup(ip: string): boolean {
  if (ip.includes(":")) return ip === "::" || /^ff..:/.test(ip);
  const first = Number(ip.slice(0, ip.indexOf(".")));
  return first >= 224 || first === 0 || ip === "127.255.255.255" ||
    isBroadcast(ip);
}
