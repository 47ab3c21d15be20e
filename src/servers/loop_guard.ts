import { isWildcard } from "../net/address.ts";
import type { NetAddress } from "../socket.ts";

/**
 * Limits of the loop guard, which decides which datagrams a server may answer.
 * Two servers that answer each other never stop, and one datagram with a forged
 * source address is enough to start them (CERT CA-1996-01, CVE-2024-2169).
 *
 * A loop that the ports do not reveal ends when it exceeds the rate; a slower
 * one goes on, and costs no more than the rate. Whatever the limits, the server
 * answers neither itself nor a multicast or broadcast address.
 *
 * A peer is an IP and a port; the guard remembers the last 16384 peers.
 * {@linkcode DatagramServerStats.withheld} counts the withheld replies.
 */
export interface LoopGuardOptions {
  /**
   * The lowest port to answer; 0 for every port. Ports below the default belong
   * to well-known services, which may answer back.
   *
   * @default 1024
   */
  lowestPort?: number;
  /**
   * Replies to one peer that may follow each other without a pause, at least 1.
   *
   * @default 10000
   */
  burst?: number;
  /**
   * Replies per second to one peer after the burst, at least 0.
   *
   * @default 1000
   */
  rate?: number;
}

/** Peers remembered; beyond, the one added first is forgotten. */
const MAX_PEERS = 16384;

/** A token bucket. */
interface Allowance {
  /** Replies left at `since`. */
  left: number;
  /** When `left` was updated, by `Date.now()`. */
  since: number;
}

/** Returns a function that decides for each datagram whether to reply. */
export function loopGuard(
  own: NetAddress<"udp">,
  { lowestPort = 1024, burst = 10_000, rate = 1000 }: LoopGuardOptions,
): (peer: NetAddress<"udp">) => boolean {
  const allowances = new Map<string, Allowance>();
  const wildcard = isWildcard(own.hostname);

  const isSafe = ({ hostname, port }: NetAddress<"udp">) =>
    port >= lowestPort &&
    // A wildcard may receive on any of its addresses, so the port decides.
    !(port === own.port && (wildcard || hostname === own.hostname)) &&
    !isGroup(hostname);

  return (peer) => {
    const name = `${peer.hostname} ${peer.port}`;
    let allowance = allowances.get(name);
    if (allowance === undefined) {
      if (!isSafe(peer)) return false;
      if (allowances.size >= MAX_PEERS) {
        for (const first of allowances.keys()) {
          allowances.delete(first);
          break;
        }
      }
      allowance = { left: burst, since: Date.now() };
      allowances.set(name, allowance);
    }
    // `Date.now()` is cheaper than the monotonic clock; set back, it adds
    // nothing for a while.
    const now = Date.now();
    const earned = Math.max(0, now - allowance.since) * rate / 1000;
    allowance.left = Math.min(burst, allowance.left + earned);
    allowance.since = now;
    if (allowance.left < 1) return false;
    allowance.left--;
    return true;
  };
}

/** Returns whether a reply to this address would reach several hosts. */
function isGroup(hostname: string): boolean {
  if (/^ff/i.test(hostname)) return true;
  const [first] = hostname.replace(/^::ffff:/i, "").split(".");
  return Number(first) >= 224 || hostname === "0.0.0.0" || hostname === "::";
}
