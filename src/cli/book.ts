import type { Difference } from "./difference.ts";
import { Times } from "./times.ts";

/** A message that was sent, and what became of it. */
export interface Message {
  readonly seq: number;
  readonly sentAt: number;
  /** How many of its bytes came back so far, on a stream. */
  got: number;
  state: "open" | "answered" | "lost";
  /** Resolves when it is no longer open. */
  readonly settled: Promise<void>;
  /** What came at its time, and may be it or not. */
  suspect: Suspect | undefined;
}

/** Something that came, and how it differs from a message. */
interface Suspect {
  bytes: number;
  difference: Difference;
  from: string;
}

/** What there is to tell. */
export type Event =
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
  | { kind: "lost"; seq: number; why: string }
  | { kind: "unexpected"; bytes: number; why: string; from: string }
  | { kind: "end"; why: string };

/** How often what happened. */
export interface Counts {
  /** Messages: each is received, corrupt or lost in the end. */
  sent: number;
  /** Back intact and in time. */
  received: number;
  corrupt: number;
  /** Not back in time. */
  lost: number;
  /** Those of the lost that came back after their time. */
  late: number;
  /** Replies to what was answered already. */
  duplicates: number;
  /** Replies that came after that to a later message. */
  reordered: number;
  /** Arrivals that answer nothing: datagrams, or bytes of a stream. */
  unexpected: number;
  /** Bytes that nothing was sent for. */
  extraBytes: number;
  /** Bytes that were sent, and are not in what came back. */
  missingBytes: number;
}

/** So many messages are remembered, to know their duplicates. */
const MEMORY = 65_536;

interface Entry extends Message {
  timer: ReturnType<typeof setTimeout>;
  settle(): void;
}

/** Keeps the book of what was sent, and what came back or did not. */
export class Book {
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
  readonly times = new Times();
  /** Whether all was as it should be so far. */
  intact = true;
  readonly #open = new Map<number, Entry>();
  readonly #known = new Map<number, Entry>();
  readonly #timeout: number;
  readonly #tell: (event: Event) => void;
  #latest = 0;

  constructor(timeout: number, tell: (event: Event) => void) {
    this.#timeout = timeout;
    this.#tell = tell;
  }

  /** The messages without a reply so far, the oldest first. */
  get open(): Iterable<Message> {
    return this.#open.values();
  }

  get waiting(): number {
    return this.#open.size;
  }

  /** The message of this number, unless it is long gone or yet to come. */
  find(seq: number): Message | undefined {
    return this.#known.get(seq);
  }

  /** The next message: its time begins. */
  begin(): Message {
    const seq = ++this.counts.sent;
    const { promise, resolve } = Promise.withResolvers<void>();
    const entry: Entry = {
      seq,
      sentAt: performance.now(),
      got: 0,
      state: "open",
      suspect: undefined,
      settled: promise,
      settle: resolve,
      timer: setTimeout(() => this.#expire(entry), this.#timeout),
    };
    this.#open.set(seq, entry);
    this.#known.set(seq, entry);
    this.#known.delete(seq - MEMORY);
    this.#tell({ kind: "sent" });
    return entry;
  }

  /** The last one could not be sent. */
  withdraw(message: Message): void {
    this.counts.sent--;
    this.#settle(message, "lost");
    this.#known.delete(message.seq);
  }

  /** It came back as it was sent. */
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
    if (message.suspect !== undefined) {
      const { bytes, from } = message.suspect;
      this.unexpected(bytes, "no reply to anything", from);
    }
    const reordered = seq < this.#latest;
    if (reordered) this.counts.reordered++;
    else this.#latest = seq;
    this.counts.received++;
    this.times.add(ms);
    this.#tell({ kind: "reply", seq, bytes, ms, reordered, from });
  }

  /** It came back, but not as it was sent. */
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

  /** It will not come back, or too late: what came instead must be it. */
  lose(message: Message, why: string): void {
    if (message.state !== "open") return;
    if (message.suspect !== undefined) {
      const { bytes, difference, from } = message.suspect;
      return this.corruptReply(message, bytes, difference, from);
    }
    this.counts.lost++;
    this.#settle(message, "lost");
    this.#fault({ kind: "lost", seq: message.seq, why });
  }

  loseAll(why: string): void {
    for (const message of [...this.#open.values()]) this.lose(message, why);
  }

  /** Something came that answers nothing. */
  unexpected(bytes: number, why: string, from: string): void {
    this.counts.unexpected++;
    this.counts.extraBytes += bytes;
    this.#fault({ kind: "unexpected", bytes, why, from });
  }

  /** The connection did not end as it should. */
  badEnd(why: string): void {
    this.#fault({ kind: "end", why });
  }

  /** Resolves when no message is open. */
  async settled(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ settled }) => settled));
  }

  #expire(entry: Entry): void {
    const came = entry.got === 0 ? "no reply" : `only ${entry.got} bytes`;
    this.lose(entry, `${came} in ${this.#timeout / 1000} s`);
  }

  #settle(message: Message, state: "answered" | "lost"): void {
    message.state = state;
    const entry = this.#open.get(message.seq);
    if (entry === undefined) return;
    this.#open.delete(message.seq);
    clearTimeout(entry.timer);
    entry.settle();
  }

  #fault(event: Event): void {
    this.intact = false;
    this.#tell(event);
  }
}
