// Listeners that fail in ways that no runtime is known to.
import { describe, it } from "node:test";
import {
  type Address,
  type Connection,
  echo,
  listen,
  type Listener,
  type NetAddress,
  SocketError,
} from "../../mod.ts";
import { StreamServer } from "../../src/servers/accept_loop.ts";
import { assertEquals, assertRejects } from "../support/assert.ts";
import { captureConsoleError } from "../support/console.ts";
import { exchange } from "../support/servers.ts";
import { connect } from "../../mod.ts";

type Tcp = NetAddress<"tcp">;

/** A listener whose methods may be replaced by others. */
async function listenerWith(
  own: (inner: Listener<Tcp>) => Partial<Listener<Tcp, Address>>,
): Promise<Listener<Tcp, Address>> {
  const inner = await listen({ port: 0 });
  return {
    addr: inner.addr,
    accept: () => inner.accept(),
    close: () => inner.close(),
    [Symbol.asyncIterator]: () => inner[Symbol.asyncIterator](),
    [Symbol.asyncDispose]: () => inner.close(),
    ...own(inner),
  };
}

const fault = new SocketError("EIO", "From the listener");

describe("a server survives", () => {
  it("an accept that rejects", async () => {
    let calls = 0;
    const listener = await listenerWith((inner) => ({
      accept: (): Promise<Connection> =>
        ++calls === 2 ? Promise.reject(fault) : inner.accept(),
    }));
    const printed = await captureConsoleError(async () => {
      await using server = new StreamServer(listener, {}, echo);
      for (const word of ["one", "two", "three"]) {
        await using conn = await connect({ port: server.addr.port });
        await exchange(conn, word);
      }
    });
    assertEquals(printed, [fault]);
  });

  it("a close that rejects: it ends, and says so", async () => {
    const listener = await listenerWith((inner) => ({
      close: async () => {
        await inner.close();
        throw fault;
      },
    }));
    const server = new StreamServer(listener, {}, echo);
    await using conn = await connect({ port: server.addr.port });
    await exchange(conn, "hello");
    const ended = assertRejects(() => server.finished, SocketError);
    const stopped = assertRejects(
      () => server.shutdown({ timeout: 0 }),
      SocketError,
    );
    assertEquals([await stopped, await ended], [fault, fault]);
    assertEquals(await conn.recv().catch(() => null), null);
    assertEquals(server.stats().active, 0);
  });
});
