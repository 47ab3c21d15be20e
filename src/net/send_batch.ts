/** What a batch takes at first; it doubles as it fills. */
const FIRST_BYTES = 256;

/** Small sends that wait: copied behind one another, to go out as one. */
export class SendBatch {
  length = 0;
  /** Shared by its sends, for they settle together. */
  readonly promise: Promise<void>;
  readonly resolve: (value: void | PromiseLike<void>) => void;
  readonly reject: (reason: unknown) => void;
  #bytes = new Uint8Array(FIRST_BYTES);

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
  }

  get data(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  add(data: Uint8Array): void {
    const length = this.length + data.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      grown.set(this.data);
      this.#bytes = grown;
    }
    this.#bytes.set(data, this.length);
    this.length = length;
  }
}
