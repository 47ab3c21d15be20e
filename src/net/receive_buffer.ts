type Bytes = Uint8Array<ArrayBuffer>;

const NOTHING = new Uint8Array(0);

/**
 * Received bytes that no call has taken yet, in one array. However many arrays
 * they come in and go out by, a byte is moved a few times at most.
 */
export class ReceiveBuffer {
  #bytes: Bytes = NOTHING;
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Keeps an array itself; nothing else is kept. */
  adopt(bytes: Bytes): void {
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = bytes.length;
  }

  /** Keeps a copy behind what is kept. */
  append(bytes: Bytes): void {
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Returns the first bytes, in an array for the caller to keep. */
  take(length: number): Bytes {
    const bytes = this.#bytes;
    const start = this.#start;
    const end = this.#start += length;
    if (end < this.#end) return bytes.slice(start, end);
    this.adopt(NOTHING);
    const isMost = length >= bytes.buffer.byteLength / 2;
    return isMost ? bytes.subarray(start, end) : bytes.slice(start, end);
  }

  at(index: number): number {
    return this.#bytes[this.#start + index];
  }

  /** Returns where the byte is first, from an index on, or -1. */
  indexOf(byte: number, from: number): number {
    const start = this.#start;
    const bytes = this.#bytes;
    // Behind the end are bytes of before.
    const kept = this.#end === bytes.length
      ? bytes
      : bytes.subarray(0, this.#end);
    return Math.max(kept.indexOf(byte, start + from) - start, -1);
  }

  /** Takes no more memory than a few times its length: the peer may pause. */
  shrink(): void {
    const isLoose = this.#bytes.buffer.byteLength > 4 * this.length + 1024;
    if (isLoose) this.adopt(this.#bytes.slice(this.#start, this.#end));
  }

  #makeRoom(more: number): void {
    const { length } = this;
    const bytes = this.#bytes;
    if (this.#end + more <= bytes.length) return;
    // Either way no more is moved than was taken or added since the last time.
    const fits = length + more <= bytes.length && length <= this.#start;
    if (fits) bytes.copyWithin(0, this.#start, this.#end);
    else {
      this.#bytes = new Uint8Array(Math.max(length + more, 2 * length));
      this.#bytes.set(bytes.subarray(this.#start, this.#end));
    }
    this.#start = 0;
    this.#end = length;
  }
}
