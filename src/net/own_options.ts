// Options are strict: an unknown key is an error, and only own properties count.

/** The names of the options of a type: the compiler asks for each of them. */
export type Keys<Options> = Readonly<Record<keyof Options, true>>;

/** Names that other socket interfaces use, and those of this one. */
const ALIASES = new Map([
  ["host", ["hostname"]],
  ["address", ["hostname"]],
  ["ssl", ["tls"]],
  ["secure", ["tls"]],
  ["ca", ["caCerts"]],
  ["requestCert", ["clientAuth"]],
  ["rejectUnauthorized", ["clientAuth"]],
  ["timeout", ["idleTimeout", "signal"]],
]);

/** What cannot be turned off. */
const ALWAYS_ON = new Map([
  ["noDelay", "TCP_NODELAY is always set"],
  ["rejectUnauthorized", "the peer is always verified"],
]);

/**
 * Returns a copy that has every known option as an own property: `undefined`
 * where it is absent or only inherited, as from a polluted `Object.prototype`.
 * Throws `TypeError` for an unknown option, unless it is `undefined`.
 *
 * @param name The call, or the option that holds these: "listen", "tls".
 * @param elsewhere Explains options that are known in another place.
 */
export function ownOptions<Options extends object>(
  name: string,
  options: Options,
  keys: Keys<Options>,
  elsewhere?: (key: string) => string | undefined,
): Options {
  checkObject(name, options);
  const own = { ...options };
  for (const [key, value] of Object.entries(own)) {
    if (value === undefined || Object.hasOwn(keys, key)) continue;
    throw unknownOption(name, key, Object.keys(keys), elsewhere?.(key));
  }
  for (const key of Object.keys(keys)) {
    if (!Object.hasOwn(own, key)) Reflect.set(own, key, undefined);
  }
  return own;
}

/** Returns those of the options that have these names. */
export function pickOptions<Picked extends object>(
  options: Picked,
  keys: Keys<Picked>,
): Picked {
  const picked = { ...options };
  for (const key of Object.keys(picked)) {
    if (!Object.hasOwn(keys, key)) Reflect.deleteProperty(picked, key);
  }
  return picked;
}

/**
 * Returns the `signal` of a call that takes no other option. A receive may pass
 * here for every message, so nothing is copied.
 */
export function ownSignal(
  call: string,
  options: { signal?: AbortSignal | undefined } | undefined,
): AbortSignal | undefined {
  if (options === undefined) return undefined;
  checkObject(call, options);
  let signal: AbortSignal | undefined;
  for (const key in options) {
    if (!Object.hasOwn(options, key)) continue;
    if (key === "signal") signal = options.signal;
    else if (Reflect.get(options, key) !== undefined) {
      throw unknownOption(call, key, ["signal"]);
    }
  }
  return signal;
}

/** Throws unless the options are an object. */
export function checkObject(name: string, options: unknown): void {
  if (options === null || typeof options !== "object") {
    throw new TypeError(
      `Invalid options of ${name} "${options}": expected an object`,
    );
  }
}

function unknownOption(
  name: string,
  key: string,
  known: readonly string[],
  remedy: string = remedyFor(key, known),
): TypeError {
  return new TypeError(`Unknown option "${key}" of ${name}: ${remedy}`);
}

function remedyFor(key: string, known: readonly string[]): string {
  const nearest = nearestOf(key, known);
  return nearest !== undefined
    ? `did you mean "${nearest}"?`
    : ALWAYS_ON.get(key) ?? `expected ${known.join(", ")}`;
}

function nearestOf(key: string, known: readonly string[]): string | undefined {
  const alias = ALIASES.get(key)?.find((name) => known.includes(name));
  if (alias !== undefined) return alias;
  const lower = key.toLowerCase();
  for (let edits = 0; edits <= (key.length > 4 ? 2 : 1); edits++) {
    const near = known.find((name) => isNear(lower, name.toLowerCase(), edits));
    if (near !== undefined) return near;
  }
}

/** Whether so many changes of one letter make one name the other. */
function isNear(a: string, b: string, edits: number): boolean {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const [x, y] = [a.slice(same), b.slice(same)];
  if (x === "" && y === "") return true;
  return edits > 0 &&
    (isNear(x.slice(1), y, edits - 1) || isNear(x, y.slice(1), edits - 1) ||
      isNear(x.slice(1), y.slice(1), edits - 1));
}
