import { bind, type DatagramSocket, formatAddress } from "../../mod.ts";
import { formatIp, parseIp } from "../ip.ts";
import type { Book, Message } from "./book.ts";
import { compare, type Difference } from "./difference.ts";
import type { Halt } from "./halt.ts";
import { pace } from "./pace.ts";
import { payload, sequenceOf } from "./payload.ts";
import type { Plan, UdpTarget } from "./plan.ts";
import { pause, within } from "./wait.ts";

/** How long to listen for what comes twice, after the last reply. */
const LINGER = 100;
/** Numbers that need not be told in full are fewer than this. */
const MANY = 2 ** 60;
/** As much of a message as tells it from the others. */
const SAMPLE = 64;

/**
 * Sends datagrams, and checks what comes back. Rejects when one cannot be
 * sent.
 */
export async function pingDatagrams(
  plan: Plan,
  target: UdpTarget,
  book: Book,
  halt: Halt,
): Promise<void> {
  const { hostname, port } = target;
  const ours = hostname.includes(":") ? "::" : "0.0.0.0";
  await using socket = await bind({ hostname: ours, port: 0 });
  const received = receive(socket, plan, target, book);
  await pace(plan, book, halt.stop, async (bytes, message) => {
    try {
      await socket.sendTo(bytes, { hostname, port });
    } catch (error) {
      book.withdraw(message);
      throw error;
    }
  });
  await within(book.settled(), halt.end);
  const { max = 0 } = book.times.summary() ?? {};
  await pause(Math.min(plan.timeout, Math.max(LINGER, 2 * max)), halt.end);
  await socket.close();
  await received;
  book.loseAll("no reply before the end");
}

async function receive(
  socket: DatagramSocket,
  plan: Plan,
  target: UdpTarget,
  book: Book,
): Promise<void> {
  const ip = addressOf(target.hostname);
  for await (const [data, from] of socket) {
    const name = formatAddress(from);
    const stranger = from.port !== target.port ||
      (ip !== undefined && ip !== addressOf(from.hostname));
    if (stranger) {
      book.unexpected(data.length, "not who was asked", name);
    } else check(data, plan, book, name);
  }
}

/** The one way to write an IP; none for a name, or for any of our own IPs. */
function addressOf(hostname: string): string | undefined {
  const ip = parseIp(hostname);
  return ip?.some((byte) => byte !== 0) ? formatIp(ip) : undefined;
}

/** Finds the message that this is a reply to, and compares them. */
function check(data: Uint8Array, plan: Plan, book: Book, from: string): void {
  const bytes = data.length;
  const found = recognise(data, plan, book);
  // What is like nothing may be a reply that has nothing right in it.
  const message = found ?? [...book.open].find(({ suspect }) => !suspect);
  if (message === undefined) {
    return book.unexpected(bytes, "no reply to anything", from);
  }
  const difference = compare(data, payload(plan.seed, message.seq, plan.size));
  if (difference === undefined) book.intactReply(message, bytes, from);
  else if (found === undefined && isVague(data, difference)) {
    message.suspect = { bytes, difference, from };
  } else book.corruptReply(message, bytes, difference, from);
}

/** Whether the difference finds nothing of the message in the data. */
function isVague(data: Uint8Array, { kind }: Difference): boolean {
  return kind === "changed" || data.length === 0;
}

/**
 * The message whose number it has, unless it looks like another one: the
 * number may be what is corrupt.
 */
function recognise(
  data: Uint8Array,
  plan: Plan,
  book: Book,
): Message | undefined {
  const byNumber = named(data, plan, book);
  if (byNumber !== undefined && isLike(data, byNumber, plan)) return byNumber;
  const [...open] = book.open;
  return open.find((message) => isLike(data, message, plan)) ?? byNumber;
}

/** The message whose number it has; of several, the oldest without a reply. */
function named(
  data: Uint8Array,
  { size }: Plan,
  book: Book,
): Message | undefined {
  const number = sequenceOf(data, size);
  if (number === undefined) return undefined;
  const { value, modulus } = number;
  if (modulus < MANY) {
    for (const message of book.open) {
      if (message.seq % modulus === value) return message;
    }
  }
  const { sent } = book.counts;
  return value > sent ? undefined : book.find(sent - (sent - value) % modulus);
}

/** Whether at least half of the bytes are in their place. */
function isLike(
  data: Uint8Array,
  { seq }: Message,
  { seed, size }: Plan,
): boolean {
  const want = payload(seed, seq, Math.min(size, SAMPLE));
  const length = Math.min(want.length, data.length);
  let same = 0;
  for (let i = 0; i < length; i++) if (data[i] === want[i]) same++;
  return same * 2 >= length && (length > 0 || size === 0);
}
