import type { NetAddress } from "../socket.ts";
import { WaitQueue } from "./wait_queue.ts";

/** A datagram and its sender. */
export type Datagram = [
  data: Uint8Array<ArrayBuffer>,
  from: NetAddress<"udp">,
];

/** The size of the receive queue in bytes, a bit more for each datagram. */
const QUEUE_BYTES = 4 * 1024 * 1024;
const DATAGRAM_BYTES = 256;

/** Receives datagrams as they arrive. */
export type OnDatagram = (...datagram: Datagram) => void;

/** Received datagrams; those beyond its size are dropped and counted. */
export class DatagramQueue {
  dropped = 0;
  /** While set, it receives the datagrams, and none is queued. */
  onDatagram: OnDatagram | undefined;
  /** Whether `onDatagram` keeps no data once what it sends has gone out. */
  isBorrowed = false;
  readonly waiting = new WaitQueue<Datagram>(
    QUEUE_BYTES,
    ([data]) => data.length + DATAGRAM_BYTES,
  );

  /** Adds a datagram; the array is not used otherwise. */
  put(data: Uint8Array<ArrayBuffer>, hostname: string, port: number): void {
    const { waiting, onDatagram } = this;
    const from = { transport: "udp", hostname, port } as const;
    if (onDatagram !== undefined) return onDatagram(data, from);
    const queued = waiting.put([data, from]);
    if (!queued && !waiting.isClosed) this.dropped++;
  }
}
