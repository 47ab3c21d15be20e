import type { SocketError } from "../errors.ts";
import { socketError } from "../net/socket_error.ts";
import { currentOf } from "../net/socket_connection.ts";
import type { Connection } from "../socket.ts";

/** Milliseconds that queued sends may rest after the handler. */
const SEND_TIME = 5000;

/** An accepted connection, until it is closed. */
export interface ConnectionEntry {
  /** The connection. */
  conn: Connection;
  /** Whether the handler has been called: the filter and limits let it pass. */
  handled: boolean;
  /** When it was accepted, by `performance.now()`. */
  acceptedAt: number;
  /** Bytes received and sent, as of the last sweep. */
  bytes: number;
  /** When a sweep last saw `bytes` change. */
  activeAt: number;
  /** Whether the handler has returned: queued sends go out. */
  ended: boolean;
  /** When the drain after them must be over. */
  drainDeadline: number;
}

export function newEntry(conn: Connection): ConnectionEntry {
  const now = performance.now();
  return {
    conn,
    handled: false,
    acceptedAt: now,
    bytes: 0,
    activeAt: now,
    ended: false,
    drainDeadline: Infinity,
  };
}

/** Counts what came and went, before and after a `startTls`. */
export function bytesOf(
  { conn }: ConnectionEntry,
): Pick<Connection, "bytesReceived" | "bytesSent"> {
  const current = currentOf(conn);
  if (current === conn) return conn;
  return {
    bytesReceived: conn.bytesReceived + current.bytesReceived,
    bytesSent: conn.bytesSent + current.bytesSent,
  };
}

/**
 * Notes what a connection has done, and returns its failure, if any, once its
 * time is up: for the drain, for queued sends, or without a byte.
 */
export function checkTime(
  entry: ConnectionEntry,
  now: number,
  idleTimeout: number,
): { error?: unknown } | undefined {
  const { conn } = entry;
  const { bytesReceived, bytesSent } = bytesOf(entry);
  const bytes = bytesReceived + bytesSent;
  // What the drain discards may come for ever, and is no failure.
  if (now >= entry.drainDeadline) return {};
  if (bytes !== entry.bytes) {
    entry.bytes = bytes;
    entry.activeAt = now;
    return undefined;
  }
  const isSending = entry.ended && entry.drainDeadline === Infinity;
  const rest = now - entry.activeAt;
  if (isSending && rest >= SEND_TIME) return { error: cutError(conn) };
  if (rest >= idleTimeout) return { error: idleError(conn, idleTimeout) };
}

function idleError(conn: Connection, milliseconds: number): SocketError {
  return timeoutError("recv", conn, `idle for ${milliseconds} ms`);
}

function cutError(conn: Connection): SocketError {
  const reason =
    `the peer took nothing of the queued sends for ${SEND_TIME} ms`;
  return timeoutError("send", conn, reason);
}

function timeoutError(
  syscall: "recv" | "send",
  conn: Connection,
  reason: string,
): SocketError {
  const call = { syscall, address: conn.remoteAddr };
  return socketError("ETIMEDOUT", call, undefined, reason);
}
