import type { SendData } from "../socket.ts";
import { concat } from "./bytes.ts";

const encoder = new TextEncoder();

/** Returns the bytes to send, text as UTF-8, several parts as one. */
export function toBytes(data: SendData): Uint8Array {
  // A hole is no part, which `map` would leave out.
  if (Array.isArray(data)) return concat(Array.from(data, partToBytes));
  return partToBytes(data);
}

function partToBytes(part: unknown): Uint8Array {
  if (typeof part === "string") return encoder.encode(part);
  if (!(part instanceof Uint8Array)) {
    throw new TypeError(`Cannot send ${describe(part)}`);
  }
  if (part.length === 0 && Reflect.get(part.buffer, "detached") === true) {
    throw new TypeError("Cannot send an array that was transferred");
  }
  return part;
}

function describe(data: unknown): string {
  if (data instanceof ArrayBuffer) {
    return "an ArrayBuffer: wrap it, new Uint8Array(buffer)";
  }
  return ArrayBuffer.isView(data)
    ? `a ${data.constructor.name}: wrap its bytes, ` +
      "new Uint8Array(view.buffer, view.byteOffset, view.byteLength)"
    : `${typeof data}: expected Uint8Array, string or an array of them`;
}

/** Returns the rejection of a receive of a wrong number of bytes. */
export function checkLength(
  length: unknown,
  min = 1,
): Promise<never> | undefined {
  const isNumber = typeof length === "number";
  if (isNumber && Number.isSafeInteger(length) && length >= min) {
    return undefined;
  }
  const message = typeof length === "object" && length !== null
    ? "Invalid maxBytes: options come second, recv(undefined, { signal })"
    : `Cannot receive ${length} bytes: expected an integer from ${min} on`;
  return Promise.reject(
    isNumber ? new RangeError(message) : new TypeError(message),
  );
}

/** Throws unless the value is an integer in the range, both ends included. */
export function checkInteger(
  name: string,
  value: number,
  min: number,
  max: number,
): void {
  if (typeof value !== "number") {
    throw new TypeError(`Invalid ${name} "${value}": expected a number`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(
      `Invalid ${name} ${value}: expected an integer from ${min} to ${max}`,
    );
  }
}

/** Throws unless the value is a number, and not below the minimum. */
export function checkNumber(name: string, value: number, min: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Invalid ${name} "${value}": expected a number`);
  }
  if (!(value >= min)) {
    throw new RangeError(`Invalid ${name} ${value}: expected at least ${min}`);
  }
}

/** Throws unless these options, where given, are functions. */
export function checkFunctions<Name extends string>(
  options: Partial<Record<Name, unknown>> | undefined,
  names: readonly Name[],
): void {
  for (const name of names) {
    const value = options?.[name];
    if (value !== undefined && typeof value !== "function") {
      throw new TypeError(`Invalid ${name} "${value}": expected a function`);
    }
  }
}

/** Throws unless these options, where given, are true or false. */
export function checkBooleans<Name extends string>(
  options: Partial<Record<Name, unknown>>,
  names: readonly Name[],
): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined && typeof value !== "boolean") {
      throw new TypeError(`Invalid ${name} "${value}": expected a boolean`);
    }
  }
}

/** Throws unless the signal, where given, is one. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError("Invalid signal: expected an AbortSignal");
  }
}
