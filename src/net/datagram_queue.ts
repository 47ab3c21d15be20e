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

/** Received datagrams; those beyond its size are dropped and counted. */
export class DatagramQueue {
  dropped = 0;
  readonly waiting = new WaitQueue<Datagram>(
    QUEUE_BYTES,
    ([data]) => data.length + DATAGRAM_BYTES,
  );

  /** Adds a datagram; the array is not used otherwise. */
  put(data: Uint8Array<ArrayBuffer>, hostname: string, port: number): void {
    const { waiting } = this;
    const queued = waiting.put([data, { transport: "udp", hostname, port }]);
    if (!queued && !waiting.isClosed) this.dropped++;
  }
}
