/** The most certificates to remember, some 150 bytes each. */
const MAX_CLIENTS = 100_000;

/** By trust and fingerprint, the one seen last at the end. */
const clients = new Set<string>();

/**
 * The certificates that full handshakes of this process verified. On Deno a
 * session that is resumed has none verified again: its tickets also open after
 * a refusal, and at every other listener of the process
 * (https://github.com/denoland/deno/pull/33693).
 */
export class VerifiedClients {
  readonly #trust: string;

  /** @param trust Names the authorities that are trusted. */
  constructor(trust: string) {
    this.#trust = trust;
  }

  has(fingerprint: string): boolean {
    return clients.has(`${this.#trust} ${fingerprint}`);
  }

  add(fingerprint: string): void {
    const client = `${this.#trust} ${fingerprint}`;
    clients.delete(client);
    clients.add(client);
    if (clients.size > MAX_CLIENTS) {
      const [oldest] = clients;
      clients.delete(oldest);
    }
  }
}
