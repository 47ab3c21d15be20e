// A model of one connection pair, and random sequences of calls held to it.
import { type Connection, SocketError } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { pattern } from "../support/bytes.ts";
import type { Pair } from "../support/transports.ts";

/** What flows, in each direction: no two positions look alike for long. */
const FLOW = pattern(1 << 16);
const MOST = 1500;
const ABORTED = new Error("The sequence's own abort");

/** A generator of numbers that a seed repeats. */
export function randomly(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** What a call gave: bytes, the end, nothing, or a code. */
type Outcome = Uint8Array | null | undefined | string;

async function outcomeOf(call: Promise<Outcome>): Promise<Outcome> {
  try {
    return await call;
  } catch (error) {
    if (error === ABORTED) return "aborted";
    if (error instanceof SocketError) return error.code;
    throw error;
  }
}

/** The code of a call that gives nothing, or nothing. */
async function codeOf(call: Promise<void>): Promise<Outcome> {
  return await outcomeOf(call.then(() => undefined));
}

/** One end, and what the contract says about it. */
class End {
  readonly conn: Connection;
  readonly name: string;
  sent = 0;
  received = 0;
  finished = false;
  closed = false;
  /** Closed with bytes unread, or sent to after its close: a reset is due. */
  cut = false;
  waiting: Promise<Outcome> | undefined;
  controller = new AbortController();

  constructor(conn: Connection, name: string) {
    this.conn = conn;
    this.name = name;
  }
}

/** Runs one sequence; throws where the pair departs from the model. */
export async function runSequence(
  { client, server }: Pair,
  seed: number,
  steps = 20,
): Promise<void> {
  const random = randomly(seed);
  const ends = [new End(client, "client"), new End(server, "server")];
  const log: string[] = [];
  try {
    for (let i = 0; i < steps; i++) {
      const which = random(2);
      const [us, peer] = [ends[which], ends[1 - which]];
      const act = ACTS[random(ACTS.length)];
      log.push(`${us.name} ${act.name}`);
      await act(us, peer, random);
    }
    log.push("the end");
    for (const [us, peer] of [ends, ends.toReversed()]) await drain(us, peer);
    for (const us of ends) await close(us, ends[us === ends[0] ? 1 : 0]);
  } catch (error) {
    throw new Error(`Seed ${seed}: ${log.join(", ")}`, { cause: error });
  }
}

async function send(
  us: End,
  peer: End,
  random: (below: number) => number,
): Promise<void> {
  const length = random(MOST);
  const data = FLOW.subarray(us.sent, us.sent + length);
  const outcome = await codeOf(us.conn.send(data));
  if (us.closed) return assertEquals(outcome, "EBADF");
  // Where both are true, that we ended and that the peer cut us off, the
  // contract does not say which one is told.
  if (us.finished && peer.closed) {
    return assert(["EPIPE", "ECONNRESET"].includes(code(outcome) ?? ""));
  }
  if (us.finished) return assertEquals(outcome, "EPIPE");
  if (peer.closed) {
    // The kernel may take it still; what comes back is a reset.
    assert([undefined, "EPIPE", "ECONNRESET"].includes(code(outcome)));
    peer.cut = true;
    return;
  }
  assertEquals(outcome, undefined);
  us.sent += length;
  await settle(peer, us);
}

async function recv(
  us: End,
  peer: End,
  random: (below: number) => number,
): Promise<void> {
  const most = 1 + random(MOST);
  const signal = us.controller.signal;
  const call = outcomeOf(us.conn.recv(most, { signal }));
  if (us.closed) return assertEquals(await call, "EBADF");
  if (us.waiting !== undefined) return assertEquals(await call, "EBUSY");
  us.waiting = call;
  const data = await settle(us, peer);
  if (data instanceof Uint8Array) assert(data.length <= most);
}

async function recvAborted(us: End, peer: End): Promise<void> {
  if (us.closed || us.waiting !== undefined) return;
  const signal = AbortSignal.abort(ABORTED);
  assertEquals(await outcomeOf(us.conn.recv(MOST, { signal })), "aborted");
  await settle(us, peer);
}

async function abort(us: End): Promise<void> {
  if (us.waiting === undefined) return;
  us.controller.abort(ABORTED);
  us.controller = new AbortController();
  assertEquals(await us.waiting, "aborted");
  us.waiting = undefined;
}

async function closeWrite(us: End, peer: End): Promise<void> {
  const outcome = await codeOf(us.conn.closeWrite());
  if (us.closed) return assertEquals(outcome, "EBADF");
  if (!peer.closed) assertEquals(outcome, undefined);
  us.finished = true;
  await settle(peer, us);
}

async function close(us: End, peer: End): Promise<void> {
  const unread = peer.sent - us.received;
  await us.conn.close();
  if (us.closed) return;
  us.closed = true;
  if (us.waiting !== undefined) assertEquals(await us.waiting, "EBADF");
  us.waiting = undefined;
  us.cut ||= unread > 0;
  await settle(peer, us);
}

/** The calls that close are rare, or most sequences would be short. */
const ACTS = [
  ...[send, send, send, send, send, send],
  ...[recv, recv, recv, recv, recv, recv],
  ...[abort, abort, recvAborted, closeWrite, close],
];

/** A `recv` that waits must be through by now if there is a reason for it. */
async function settle(us: End, peer: End): Promise<Outcome> {
  if (us.waiting === undefined || us.closed) return;
  const unread = peer.sent - us.received;
  if (unread === 0 && !peer.finished && !peer.closed) return;
  const outcome = await us.waiting;
  us.waiting = undefined;
  if (outcome instanceof Uint8Array) {
    assert(outcome.length > 0 && outcome.length <= unread, "Too many bytes");
    const expected = FLOW.subarray(us.received, us.received + outcome.length);
    assertEquals([...outcome], [...expected]);
    us.received += outcome.length;
  } else if (peer.cut) {
    assert([null, "ECONNRESET"].includes(code(outcome) ?? null), `${outcome}`);
    if (outcome === null) assertEquals(unread, 0, "Ended with bytes missing");
  } else {
    assertEquals(outcome, null);
    assertEquals(unread, 0, "Ended with bytes missing");
  }
  return outcome;
}

/** Receives what was sent, to the last byte unless there was a reset. */
async function drain(us: End, peer: End): Promise<void> {
  if (us.closed) return;
  await abort(us);
  if (!peer.closed) await closeWrite(peer, us);
  for (let outcome: Outcome = ""; outcome !== null;) {
    us.waiting = outcomeOf(us.conn.recv());
    outcome = await settle(us, peer) ?? null;
    if (outcome === "ECONNRESET") return;
  }
  assertEquals(us.received, peer.sent);
}

function code(outcome: Outcome): string | undefined {
  return typeof outcome === "string" ? outcome : undefined;
}
