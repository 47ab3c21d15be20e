import type { Difference } from "./payload.ts";

/** A message that was sent, and its state. */
export interface Message {
  readonly seq: number;
  readonly sentAt: number;
  /** Bytes of it received so far, on a stream. */
  bytesReceived: number;
  state: "open" | "answered" | "lost";
  /** Resolves when `state` is no longer `"open"`. */
  readonly settled: Promise<void>;
  /** An unrecognised datagram that may be the reply. */
  candidate: Candidate | undefined;
}

interface Candidate {
  bytes: number;
  difference: Difference;
  from: string;
}

export type PingEvent =
  | { kind: "sent" }
  | {
    kind: "reply";
    seq: number;
    bytes: number;
    ms: number;
    reordered: boolean;
    from: string;
  }
  | { kind: "late"; seq: number; bytes: number; ms: number; from: string }
  | { kind: "duplicate"; seq: number; bytes: number; from: string }
  | {
    kind: "corrupt";
    seq: number;
    bytes: number;
    difference: Difference;
    from: string;
  }
  | { kind: "lost"; seq: number; reason: string }
  | { kind: "unexpected"; bytes: number; reason: string; from: string }
  | { kind: "end"; reason: string };

export interface Counts {
  /** Messages sent; each ends as received, corrupt or lost. */
  sent: number;
  /** Replies that were intact and in time. */
  received: number;
  corrupt: number;
  /** Messages without a reply in time. */
  lost: number;
  /** Lost messages with a reply after the timeout. */
  late: number;
  /** Further replies to an answered message. */
  duplicates: number;
  /** Replies that arrived after the reply to a later message. */
  reordered: number;
  /** Datagrams, or runs of bytes on a stream, that answer no message. */
  unexpected: number;
  /** Bytes received that no message accounts for. */
  extraBytes: number;
  /** Bytes sent that did not come back. */
  missingBytes: number;
}

/** Messages remembered to recognise duplicates. */
const MAX_REMEMBERED = 65_536;

interface Entry extends Message {
  timer: ReturnType<typeof setTimeout>;
  settle(): void;
}

/** Records the messages sent and what came back, and reports each event. */
export class PingStats {
  readonly counts: Counts = {
    sent: 0,
    received: 0,
    corrupt: 0,
    lost: 0,
    late: 0,
    duplicates: 0,
    reordered: 0,
    unexpected: 0,
    extraBytes: 0,
    missingBytes: 0,
  };
  readonly roundTrips = new RoundTrips();
  /** `false` after the first fault. */
  intact = true;
  readonly #open = new Map<number, Entry>();
  readonly #remembered = new Map<number, Entry>();
  readonly #timeout: number;
  readonly #onEvent: (event: PingEvent) => void;
  #highestReply = 0;

  /** Marks each message as lost after `timeout` milliseconds. */
  constructor(timeout: number, onEvent: (event: PingEvent) => void) {
    this.#timeout = timeout;
    this.#onEvent = onEvent;
  }

  /** Messages without a reply, the oldest first. */
  get open(): Iterable<Message> {
    return this.#open.values();
  }

  get waiting(): number {
    return this.#open.size;
  }

  /** Returns a message by its number, unless it is too old. */
  find(seq: number): Message | undefined {
    return this.#remembered.get(seq);
  }

  /** Adds the next message, and starts its timeout. */
  sent(): Message {
    const seq = ++this.counts.sent;
    const { promise, resolve } = Promise.withResolvers<void>();
    const entry: Entry = {
      seq,
      sentAt: performance.now(),
      bytesReceived: 0,
      state: "open",
      candidate: undefined,
      settled: promise,
      settle: resolve,
      timer: setTimeout(() => this.#expire(entry), this.#timeout),
    };
    this.#open.set(seq, entry);
    this.#remembered.set(seq, entry);
    this.#remembered.delete(seq - MAX_REMEMBERED);
    this.#onEvent({ kind: "sent" });
    return entry;
  }

  /** Removes the latest message: it could not be sent. */
  withdraw(message: Message): void {
    this.counts.sent--;
    this.#settle(message, "lost");
    this.#remembered.delete(message.seq);
  }

  intactReply(message: Message, bytes: number, from: string): void {
    const { seq } = message;
    const ms = performance.now() - message.sentAt;
    if (message.state === "answered") return this.duplicate(seq, bytes, from);
    if (message.state === "lost") {
      this.counts.late++;
      this.#settle(message, "answered");
      return this.#fault({ kind: "late", seq, bytes, ms, from });
    }
    this.#settle(message, "answered");
    if (message.candidate !== undefined) {
      const { bytes, from } = message.candidate;
      this.unexpected(bytes, "no reply to anything", from);
    }
    const reordered = seq < this.#highestReply;
    if (reordered) this.counts.reordered++;
    else this.#highestReply = seq;
    this.counts.received++;
    this.roundTrips.add(ms);
    this.#onEvent({ kind: "reply", seq, bytes, ms, reordered, from });
  }

  corruptReply(
    message: Message,
    bytes: number,
    difference: Difference,
    from: string,
  ): void {
    const { seq, state } = message;
    if (state === "open") this.counts.corrupt++;
    if (state === "answered") this.counts.duplicates++;
    this.#settle(message, "answered");
    this.#fault({ kind: "corrupt", seq, bytes, difference, from });
  }

  duplicate(seq: number, bytes: number, from: string): void {
    this.counts.duplicates++;
    this.#fault({ kind: "duplicate", seq, bytes, from });
  }

  /** Marks an open message as lost, or as corrupt if it has a candidate. */
  markLost(message: Message, reason: string): void {
    if (message.state !== "open") return;
    if (message.candidate !== undefined) {
      const { bytes, difference, from } = message.candidate;
      return this.corruptReply(message, bytes, difference, from);
    }
    this.counts.lost++;
    this.#settle(message, "lost");
    this.#fault({ kind: "lost", seq: message.seq, reason });
  }

  markAllLost(reason: string): void {
    for (const message of [...this.#open.values()]) {
      this.markLost(message, reason);
    }
  }

  /** Records bytes that answer no message. */
  unexpected(bytes: number, reason: string, from: string): void {
    this.counts.unexpected++;
    this.counts.extraBytes += bytes;
    this.#fault({ kind: "unexpected", bytes, reason, from });
  }

  /** Records a connection that ended too early or not at all. */
  badEnd(reason: string): void {
    this.#fault({ kind: "end", reason });
  }

  /** Resolves when no message is open. */
  async settled(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ settled }) => settled));
  }

  #expire(entry: Entry): void {
    const received = entry.bytesReceived === 0
      ? "no reply"
      : `only ${entry.bytesReceived} bytes`;
    this.markLost(entry, `${received} in ${this.#timeout / 1000} s`);
  }

  #settle(message: Message, state: "answered" | "lost"): void {
    message.state = state;
    const entry = this.#open.get(message.seq);
    if (entry === undefined) return;
    this.#open.delete(message.seq);
    clearTimeout(entry.timer);
    entry.settle();
  }

  #fault(event: PingEvent): void {
    this.intact = false;
    this.#onEvent(event);
  }
}

/** Ratio of a histogram bucket to the one before; the error is half of it. */
const STEP = 1.01;
const PER_STEP = 1 / Math.log(STEP);
/** Lower bound of the histogram in milliseconds: a nanosecond. */
const MIN_TIME = 1e-6;

/** Figures in milliseconds. */
export interface RoundTripSummary {
  min: number;
  avg: number;
  max: number;
  p99: number;
}

/** A histogram of round trips; its memory does not grow with their count. */
class RoundTrips {
  #buckets: number[] = [];
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;

  add(ms: number): void {
    const ratio = Math.max(ms, MIN_TIME) / MIN_TIME;
    const bucket = Math.round(Math.log(ratio) * PER_STEP);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count++;
    this.#sum += ms;
    this.#min = Math.min(this.#min, ms);
    this.#max = Math.max(this.#max, ms);
  }

  /** Returns the figures, or `undefined` without any; `p99` within 0.5 %. */
  summary(): RoundTripSummary | undefined {
    if (this.#count === 0) return undefined;
    return {
      min: this.#min,
      avg: this.#sum / this.#count,
      max: this.#max,
      p99: this.#quantile(0.99),
    };
  }

  #quantile(share: number): number {
    let left = Math.ceil(share * this.#count);
    const bucket = this.#buckets.findIndex((count = 0) => (left -= count) <= 0);
    if (bucket === this.#buckets.length - 1) return this.#max;
    return Math.max(this.#min, MIN_TIME * STEP ** bucket);
  }
}
