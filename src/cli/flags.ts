// What the flags of servers and clients have in common.

/** The flags that say where, for `parseArgs`. */
export const addressFlags = (port: string) => ({
  hostname: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: port },
  udp: { type: "boolean", default: false },
  unix: { type: "string" },
} as const);

/** What means nothing there: least of all may TLS silently be plain text. */
const FOREIGN = {
  udp: [
    ...["unix", "cert", "key", "tls", "ca"],
    ...["max-connections", "max-connections-per-host", "idle-timeout"],
    "proxy-protocol",
  ],
  unix: ["cert", "key", "tls", "ca"],
};

/** Refuses flags that do not go together. */
export function checkFlags(flags: { udp: boolean; unix?: string }): void {
  const way = flags.udp ? "udp" : flags.unix !== undefined ? "unix" : undefined;
  if (way === undefined) return;
  const wrong = Object.entries(flags).find(([name, value]) =>
    isGiven(value) && FOREIGN[way].includes(name)
  );
  if (wrong !== undefined) {
    throw new TypeError(`--${wrong[0]} does not go with --${way}`);
  }
}

/** Whether a flag stands there; an empty value is one. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false;
}

/** Reads a flag that is a number. */
export function toNumber(flag: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new TypeError(`Invalid --${flag} "${text}": expected an integer`);
}
