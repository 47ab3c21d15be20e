import type { NetAddress } from "../socket.ts";

/**
 * Which datagrams a server may answer. Two servers that answer each other
 * never stop, and a forged sender is enough to start them (CERT CA-1996-01,
 * CVE-2024-2169). A loop that the ports do not tell ends when it exceeds the
 * rate: a slower one goes on, at that cost at most.
 *
 * Whatever is given, it answers neither itself nor a multicast or broadcast
 * address. A peer is an IP and a port; the last 16384 of them are remembered.
 * What it withholds is counted, see {@linkcode DatagramServerStats.withheld}.
 *
 * @example Two replies at once, then one a second
 * ```ts
 * import { bind, type LoopGuardOptions, serveEcho } from "@parley/echo";
 *
 * const loopGuard: LoopGuardOptions = { burst: 2, rate: 1 };
 * const where = { transport: "udp", port: 0 } as const;
 * await using server = await serveEcho({ ...where, loopGuard });
 * await using client = await bind({ port: 0 });
 * for (const word of ["one", "two", "three"]) {
 *   await client.sendTo(word, server.addr);
 * }
 * for (let i = 0; i < 2; i++) console.log((await client.recvFrom())[0].length);
 * ```
 */
export interface LoopGuardOptions {
  /**
   * The lowest port to answer, 1024 unless given: below are the well-known
   * services, which may answer back. 0 is every port.
   */
  lowestPort?: number;
  /**
   * Replies to one peer that may follow each other at once, at least 1; 10,000
   * unless given.
   */
  burst?: number;
  /** Replies a second to one peer after that, 0 or more; 1,000 unless given. */
  rate?: number;
}

/** Peers remembered; beyond, the one that was first is forgotten. */
const MOST_PEERS = 16384;

interface Allowance {
  left: number;
  /** When `left` was that, by `Date.now()`. */
  since: number;
}

/** Tells, datagram by datagram, whether a reply to the sender is safe. */
export function loopGuard(
  own: NetAddress<"udp">,
  { lowestPort = 1024, burst = 10_000, rate = 1000 }: LoopGuardOptions,
): (peer: NetAddress<"udp">) => boolean {
  const allowances = new Map<string, Allowance>();
  const wildcard = own.hostname === "0.0.0.0" || own.hostname === "::";

  const mayAnswer = ({ hostname, port }: NetAddress<"udp">) =>
    port >= lowestPort &&
    // On a wildcard any address may be our own, so the port alone decides.
    !(port === own.port && (wildcard || hostname === own.hostname)) &&
    !isGroup(hostname);

  return (peer) => {
    const name = `${peer.hostname} ${peer.port}`;
    let allowance = allowances.get(name);
    if (allowance === undefined) {
      if (!mayAnswer(peer)) return false;
      if (allowances.size >= MOST_PEERS) {
        for (const first of allowances.keys()) {
          allowances.delete(first);
          break;
        }
      }
      allowance = { left: burst, since: Date.now() };
      allowances.set(name, allowance);
    }
    // Cheaper than the steady clock; set back, it earns nothing for a while.
    const now = Date.now();
    const earned = Math.max(0, now - allowance.since) * rate / 1000;
    allowance.left = Math.min(burst, allowance.left + earned);
    allowance.since = now;
    if (allowance.left < 1) return false;
    allowance.left--;
    return true;
  };
}

/** Multicast and broadcast: one reply would become many. */
function isGroup(hostname: string): boolean {
  if (/^ff/i.test(hostname)) return true;
  const [first] = hostname.replace(/^::ffff:/i, "").split(".");
  return Number(first) >= 224 || hostname === "0.0.0.0" || hostname === "::";
}
