import { canonicalIp } from "../ip.ts";
import type { Address } from "../socket.ts";

/** Limits connections per peer IP. Unix sockets have no IP, and no limit. */
export class HostLimit {
  /** Connections allowed per IP; `Infinity` for no limit. */
  readonly #max: number;
  /** Connections counted per IP; empty without a limit. */
  readonly #counts = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts a connection; returns whether it is within the limit. */
  add(remoteAddr: Address): boolean {
    return this.#change(remoteAddr, 1) <= this.#max;
  }

  /** Discounts a connection, also one beyond the limit. */
  remove(remoteAddr: Address): void {
    this.#change(remoteAddr, -1);
  }

  #change(remoteAddr: Address, change: number): number {
    if (this.#max === Infinity || remoteAddr.transport === "unix") return 0;
    const ip = canonicalIp(remoteAddr.hostname);
    const count = (this.#counts.get(ip) ?? 0) + change;
    if (count > 0) this.#counts.set(ip, count);
    else this.#counts.delete(ip);
    return count;
  }
}
