// How the sends that wait reach a runtime: joined, and settled in order.
import { it } from "node:test";
import type { Handle, HandleEvents } from "../../src/net/handle.ts";
import { SocketConnection } from "../../src/net/socket_connection.ts";
import { assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";

/** Takes one write at a time, and the rest of each once asked to. */
class SlowHandle implements Handle {
  events: HandleEvents | undefined;
  readonly written: string[] = [];
  #take: (() => void) | undefined;

  readStart(): void {}
  readStop(): void {}
  shutdown(): void {
    this.written.push("FIN");
  }
  close(): void {}

  write(data: Uint8Array): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#take = () => {
      this.written.push(text(data));
      resolve(data.length);
    };
    return promise;
  }

  async takeAll(): Promise<void> {
    for (let take; (take = this.#take) !== undefined;) {
      this.#take = undefined;
      take();
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
  }
}

const address = { transport: "unix", path: "" } as const;

it("sends that wait are joined, and resolve in their order", async () => {
  const handle = new SlowHandle();
  const conn = new SocketConnection(handle, address, address);
  const resolved: number[] = [];
  const big = "x".repeat(65_532);
  const sends = ["a", "b", "c", "", "d", big, "e", "f", "g"].map((data, i) =>
    conn.send(data).then(() => void resolved.push(i))
  );
  const ended = conn.closeWrite();
  await handle.takeAll();
  await Promise.all([...sends, ended]);
  const written = handle.written.map((part) => part.replace(big, "…"));
  assertEquals(written, ["a", "bcd…", "efg", "FIN"]);
  assertEquals(resolved, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(conn.bytesSent, big.length + 7);
});

it("the last of those that wait are joined, too", async () => {
  const handle = new SlowHandle();
  const conn = new SocketConnection(handle, address, address);
  const sends = Array.from(
    { length: 10_000 },
    (_, i) => conn.send(`${i % 10}`),
  );
  await handle.takeAll();
  await Promise.all(sends);
  assertEquals(handle.written.length, 2);
});

it("a small send that waits is taken by itself from then on", async () => {
  const handle = new SlowHandle();
  const conn = new SocketConnection(handle, address, address);
  const bytes = new TextEncoder().encode("bc");
  const sends = [conn.send("a"), conn.send(bytes), conn.send("d")];
  structuredClone(null, { transfer: [bytes.buffer] });
  await handle.takeAll();
  await Promise.all(sends);
  assertEquals(handle.written, ["a", "bcd"]);
});

it("small sends that wait reject together when the socket closes", async () => {
  const handle = new SlowHandle();
  const conn = new SocketConnection(handle, address, address);
  const sends = ["a", "b", "c"].map((data) =>
    conn.send(data).then(() => "sent", ({ code }) => code)
  );
  await conn.close();
  await handle.takeAll();
  assertEquals((await Promise.all(sends)).slice(1), ["EBADF", "EBADF"]);
});
