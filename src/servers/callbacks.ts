import type { SocketError } from "../errors.ts";
import { canonicalAddress } from "../net/address.ts";
import type { Address, Connection } from "../socket.ts";
import { isSocketError, log } from "./log.ts";
import type { ConnectionSummary, ServerOptions } from "./server.ts";

/** Calls a server's callbacks, and survives whatever they throw. */
export class Callbacks {
  readonly #options: ServerOptions;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  onConnect(conn: Connection): void {
    const { onConnect } = this.#options;
    if (onConnect) this.#run(conn, () => onConnect(conn));
  }

  onDisconnect(conn: Connection, toSummary: () => ConnectionSummary): void {
    const { onDisconnect } = this.#options;
    if (onDisconnect) this.#run(conn, () => onDisconnect(toSummary()));
  }

  onReject(peer: Address, error: SocketError): void {
    const { onReject } = this.#options;
    if (onReject === undefined) return;
    this.#run(undefined, () => onReject(canonicalAddress(peer), error));
  }

  /** Without `onError`, prints it, unless a peer can cause it. */
  onError(error: unknown, conn: Connection): void {
    const { onError } = this.#options;
    if (onError !== undefined) this.#run(undefined, () => onError(error, conn));
    else if (!isSocketError(error)) log(error);
  }

  /**
   * Runs a callback, and reports what it throws: to `onError`, or on standard
   * error without a connection, as for `onError` itself.
   */
  async #run(
    conn: Connection | undefined,
    callback: () => void | Promise<void>,
  ): Promise<void> {
    try {
      await callback();
    } catch (error) {
      if (conn === undefined) log(error);
      else this.onError(error, conn);
    }
  }
}
