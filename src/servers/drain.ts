import { SocketError } from "../errors.ts";
import type { Connection } from "../socket.ts";

/** Milliseconds that a drain may take. */
export const DRAIN_TIME = 5000;
/** Bytes that a drain reads at most. */
const DRAIN_BYTES = 4 * 1024 * 1024;
/** Milliseconds between two tries while another `recv` is pending. */
const RETRY_DELAY = 20;

/**
 * Reads and discards until the peer ends its side: a close with unread bytes
 * makes the kernel send an RST, which can overtake the last reply. The caller
 * limits the time.
 */
export async function drainConnection(conn: Connection): Promise<void> {
  try {
    for (let left = DRAIN_BYTES; left > 0;) {
      const data = await conn.recv();
      if (data === null) return;
      left -= data.length;
    }
  } catch (error) {
    // The handler has finished, so a peer that is gone, or a connection that
    // the handler closed itself, is no error.
    if (!(error instanceof SocketError) || error.code !== "EBUSY") return;
    // The handler left a `recv` pending. No event reports its end, so retry;
    // the caller's time limit ends the retries.
    await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
    await drainConnection(conn);
  }
}
