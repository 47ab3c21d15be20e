/** Throws unless the value is an integer in the range, both ends included. */
export function checkInteger(
  name: string,
  value: number,
  least: number,
  most: number,
): void {
  if (typeof value !== "number") {
    throw new TypeError(
      `Invalid ${name} "${value}": expected a number`,
    );
  }
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(
      `Invalid ${name} ${value}: expected an integer from ${least} to ${most}`,
    );
  }
}

/** Throws unless the value is a number, and not below the least. */
export function checkNumber(name: string, value: number, least: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Invalid ${name} "${value}": expected a number`);
  }
  if (!(value >= least)) {
    throw new RangeError(
      `Invalid ${name} ${value}: expected at least ${least}`,
    );
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

/** Throws unless the options are an object, with a signal that is one. */
export function checkOptions(options: { signal?: AbortSignal }): void {
  if (options === null || typeof options !== "object") {
    throw new TypeError(`Invalid options "${options}": expected an object`);
  }
  checkSignal(options.signal);
}

/** Throws unless the signal, where given, is one. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError("Invalid signal: expected an AbortSignal");
  }
}

/** Whether it is an IP address, not a name. */
export function isAddress(hostname: string): boolean {
  return /^[\d.]+$|:/.test(hostname);
}
