/** The events of a {@linkcode Handle}; a connection listens to them. */
export interface HandleEvents {
  /** Whether a write is under way that has not taken everything yet. */
  readonly isWriting: boolean;
  /**
   * Bytes were read, for the connection to keep. Those of a handle with
   * `detach` are in its buffer: valid during this call and, if it stops
   * reading, until the next `readStart`, unless `detach` is called.
   */
  onData(chunk: Uint8Array<ArrayBuffer>): void;
  /** The peer sent its FIN, or on TLS its close_notify. */
  onEnd(): void;
  /** The socket failed. */
  onError(error: unknown): void;
  /** There is room again after a write that took a part only. */
  onDrain(): void;
  /**
   * The socket is closed: both directions have ended, or it failed. It implies
   * `onEnd`, or `onError` with an error other than EPIPE. A handle without
   * such an event need not call it. After `Handle.close` no event counts.
   */
  onClose(error?: Error & { code?: string }): void;
}

/**
 * A runtime's stream socket, by the verbs of libuv. A connection drives it and
 * keeps every rule: one read and one write at a time, nothing after `close`.
 */
export interface Handle {
  /** Set by the connection, before its first call. */
  events: HandleEvents | undefined;
  /**
   * Reads, and reports bytes by `onData` until `readStop`; `maxBytes` is what
   * the caller has use for. Called again, it changes `maxBytes` only.
   */
  readStart(maxBytes: number): void;
  /**
   * Leaves further bytes to the kernel, which holds the peer back. A chunk that
   * is already on its way is reported, so no byte is lost.
   */
  readStop(): void;
  /**
   * Only of a handle that reads into a buffer of its own: the bytes of the last
   * `onData` stay in use, so the next read takes another buffer.
   */
  detach?(): void;
  /**
   * Only of a handle whose chunks are of a subclass, as a Buffer: the bytes in
   * an array that a caller may keep.
   */
  toPlain?(chunk: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /**
   * Writes what fits now. Returns how much that was, and if it was not all
   * calls `onDrain` when there is room; or returns a promise of how much, after
   * which there is room. Throws or rejects when the peer is gone.
   */
  write(data: Uint8Array): number | Promise<number>;
  /** Sends the FIN. */
  shutdown(): Promise<void> | void;
  /** Lets go of the socket; what `write` took is still sent. */
  close(): void;
  /**
   * Lets go of the socket with an RST, or like `close` where the transport has
   * none. Absent where the runtime cannot reset.
   */
  reset?(): void;
}
