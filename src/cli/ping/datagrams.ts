import { bind, type DatagramSocket, formatAddress } from "../../../mod.ts";
import { canonicalIp, parseIp } from "../../ip.ts";
import type { PingOptions, UdpTarget } from "./options.ts";
import {
  compare,
  createPayload,
  type Difference,
  readSequence,
} from "./payload.ts";
import {
  delay,
  finishesWithin,
  sendLoop,
  type ShutdownSignals,
} from "./send_loop.ts";
import type { Message, PingStats } from "./stats.ts";

/** Minimum time to receive duplicates after the last reply, in ms. */
const LINGER = 100;
/** Sequence numbers below are unambiguous; shorter ones repeat. */
const FULL_SEQUENCE = 2 ** 60;
/** Bytes compared to recognise a message. */
const SAMPLE = 64;

/** Sends datagrams and checks the replies. Rejects when one cannot be sent. */
export async function pingDatagrams(
  options: PingOptions,
  target: UdpTarget,
  stats: PingStats,
  signals: ShutdownSignals,
): Promise<void> {
  const hostname = await target.resolve();
  const { port } = target;
  const wildcard = hostname.includes(":") ? "::" : "0.0.0.0";
  await using socket = await bind({ hostname: wildcard, port: 0 });
  const received = receive(socket, options, { hostname, port }, stats);
  await sendLoop(options, stats, signals.stop, async (bytes, message) => {
    try {
      await socket.sendTo(bytes, { hostname, port });
    } catch (error) {
      stats.withdraw(message);
      throw error;
    }
  });
  await finishesWithin(stats.settled(), signals.end);
  const { max = 0 } = stats.roundTrips.summary() ?? {};
  const linger = Math.min(options.timeout, Math.max(LINGER, 2 * max));
  await delay(linger, signals.end);
  await socket.close();
  await received;
  stats.markAllLost("no reply before the end");
}

async function receive(
  socket: DatagramSocket,
  options: PingOptions,
  target: { hostname: string; port: number },
  stats: PingStats,
): Promise<void> {
  const ip = normalizeIp(target.hostname);
  for await (const [data, from] of socket) {
    const name = formatAddress(from);
    const isForeign = from.port !== target.port ||
      (ip !== undefined && ip !== normalizeIp(from.hostname));
    if (isForeign) {
      stats.unexpected(data.length, "not who was asked", name);
    } else check(data, options, stats, name);
  }
}

/** Formats an IP; `undefined` for a name, or for a wildcard like `0.0.0.0`. */
function normalizeIp(hostname: string): string | undefined {
  const ip = parseIp(hostname);
  return ip?.some((byte) => byte !== 0) ? canonicalIp(hostname) : undefined;
}

/** Finds the message that a datagram answers, and compares them. */
function check(
  data: Uint8Array,
  options: PingOptions,
  stats: PingStats,
  from: string,
): void {
  const bytes = data.length;
  const found = findMessage(data, options, stats);
  // An unrecognised datagram may be a reply that is corrupt all over.
  const message = found ?? [...stats.open].find(({ candidate }) => !candidate);
  if (message === undefined) {
    return stats.unexpected(bytes, "no reply to anything", from);
  }
  const payload = createPayload(options.seed, message.seq, options.size);
  const difference = compare(data, payload);
  if (difference === undefined) stats.intactReply(message, bytes, from);
  else if (found === undefined && isUnlike(data, difference)) {
    message.candidate = { bytes, difference, from };
  } else stats.corruptReply(message, bytes, difference, from);
}

/** Whether the comparison found no part of the message in the datagram. */
function isUnlike(data: Uint8Array, { kind }: Difference): boolean {
  return kind === "changed" || data.length === 0;
}

/**
 * Finds a message by its sequence number, or by its bytes: the number itself
 * may be corrupt.
 */
function findMessage(
  data: Uint8Array,
  options: PingOptions,
  stats: PingStats,
): Message | undefined {
  const bySequence = findBySequence(data, options, stats);
  if (bySequence !== undefined && isAlike(data, bySequence, options)) {
    return bySequence;
  }
  const [...open] = stats.open;
  return open.find((message) => isAlike(data, message, options)) ?? bySequence;
}

/** Prefers the oldest message without a reply where numbers are short. */
function findBySequence(
  data: Uint8Array,
  { size }: PingOptions,
  stats: PingStats,
): Message | undefined {
  const sequence = readSequence(data, size);
  if (sequence === undefined) return undefined;
  const { value, modulus } = sequence;
  if (modulus < FULL_SEQUENCE) {
    for (const message of stats.open) {
      if (message.seq % modulus === value) return message;
    }
  }
  const { sent } = stats.counts;
  if (value > sent) return undefined;
  return stats.find(sent - (sent - value) % modulus);
}

/** Whether at least half of the first bytes are in their place. */
function isAlike(
  data: Uint8Array,
  { seq }: Message,
  { seed, size }: PingOptions,
): boolean {
  const expected = createPayload(seed, seq, Math.min(size, SAMPLE));
  const length = Math.min(expected.length, data.length);
  let same = 0;
  for (let i = 0; i < length; i++) if (data[i] === expected[i]) same++;
  return same * 2 >= length && (length > 0 || size === 0);
}
