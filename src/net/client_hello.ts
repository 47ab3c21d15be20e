import { concat } from "./bytes.ts";
import type { Receiving } from "./receiving.ts";

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;

/** The most of a ClientHello that is looked at; browsers send 2 KiB. */
const MAX_BYTES = 16_384;

/** Read at a time. */
const READ_BYTES = 65_536;

/**
 * Receives until the name that a client asks for is known, and leaves all bytes
 * to the handshake.
 */
export async function readServerName(
  receiving: Pick<Receiving, "recv" | "unshift">,
): Promise<string | undefined> {
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  for (;;) {
    const name = serverNameIn(bytes);
    const chunk = name === null ? await receiving.recv(READ_BYTES) : null;
    if (chunk === null) {
      if (bytes.length > 0) receiving.unshift(bytes);
      return name ?? undefined;
    }
    bytes = concat([bytes, chunk]);
  }
}

/**
 * Finds the name that a client asks for at the start of a TLS handshake
 * (RFC 8446, section 4.1.2; RFC 6066, section 3).
 *
 * @returns The name; undefined if there is none, also because these bytes are
 * no ClientHello, which is up to TLS to report; null if there are too few bytes.
 */
function serverNameIn(bytes: Uint8Array): string | undefined | null {
  const isShort = bytes.length < MAX_BYTES;
  let message = new Uint8Array(0);
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== HANDSHAKE) return undefined;
    if (bytes.length < at + 5) break;
    const end = at + 5 + bytes[at + 3] * 256 + bytes[at + 4];
    if (bytes.length < end) break;
    message = concat([message, bytes.slice(at + 5, end)]);
    at = end;
    if (message.length < 4) continue;
    if (message[0] !== CLIENT_HELLO) return undefined;
    const length = message[1] * 65_536 + message[2] * 256 + message[3];
    if (message.length >= 4 + length) return nameIn(message.subarray(4));
  }
  return isShort ? null : undefined;
}

function nameIn(hello: Uint8Array): string | undefined {
  // The version and the random number come first.
  const fields = new Fields(hello.subarray(34));
  fields.take(1); // session
  fields.take(2); // cipher suites
  fields.take(1); // compression
  const extensions = new Fields(fields.take(2));
  while (!extensions.isEmpty) {
    const type = extensions.number(2);
    const extension = extensions.take(2);
    if (type !== SERVER_NAME) continue;
    const names = new Fields(new Fields(extension).take(2));
    const isHostName = names.number(1) === HOST_NAME;
    const name = String.fromCharCode(...names.take(2));
    return isHostName && /^[!-~]{1,255}$/.test(name) ? name : undefined;
  }
}

/** The fields of a message; those beyond its end are empty. */
class Fields {
  #rest: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#rest = bytes;
  }

  get isEmpty(): boolean {
    return this.#rest.length === 0;
  }

  /** Takes a number of so many bytes. */
  number(size: number): number {
    const bytes = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return bytes.reduce((number, byte) => number * 256 + byte, 0);
  }

  /** Takes a field that starts with its length, of so many bytes. */
  take(size: number): Uint8Array {
    const length = this.number(size);
    const field = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return field;
  }
}
