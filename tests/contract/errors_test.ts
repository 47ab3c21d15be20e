// What an error names of its call: `syscall`, `address`, and the caller's line.
import { describe, it } from "node:test";
import {
  type Address,
  bind,
  connect,
  type Connection,
  listen,
  serveEcho,
  SocketError,
  type Syscall,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { noUnix, onBun } from "../support/platform.ts";
import { resetNow, startCutter } from "../support/raw_peer.ts";
import { pair, testEachTransport } from "../support/transports.ts";

/** How a stack shows a line of this file. */
const HERE = /errors_test\.ts:\d+/;

/**
 * Asserts that a call fails, what of, and that its stack starts here. On Bun it
 * cannot where an event ends a call that waits: JavaScriptCore follows async
 * functions, but no promise of ours.
 */
async function assertFails(
  syscall: Syscall,
  address: Address | undefined,
  act: () => Promise<unknown>,
  { isTraced = true } = {},
): Promise<SocketError> {
  // Awaited in this file, not in that of an assertion.
  let error: unknown;
  try {
    await act();
  } catch (reason) {
    error = reason;
  }
  assert(error instanceof SocketError, `${error}`);
  assertEquals(error.syscall, syscall);
  assertEquals<Address | undefined>(error.address, address);
  const [first, second = ""] = (error.stack ?? "").split("\n");
  assertEquals(first, `SocketError: ${error.message}`);
  if (isTraced) assert(HERE.test(second), error.stack);
  else assert(!/\/src\//.test(second), error.stack);
  return error;
}

testEachTransport("errors of a connection name its peer", async (over) => {
  await using ends = await pair(over);
  const { client, server, listener } = ends;
  const { remoteAddr } = client;

  const pending = client.recv();
  await assertFails("recv", remoteAddr, () => client.recv());
  await assertFails("recv", remoteAddr, () => client.recvExactly(1));
  await assertFails("recv", remoteAddr, () => client.recvUntil("\n"));
  await assertFails("recv", remoteAddr, () => client.pipeTo(server));
  await server.send("x");
  await pending;

  await client.closeWrite();
  await assertFails("send", remoteAddr, () => client.send("late"));
  await client.close();
  for (const receive of receivers(client, server)) {
    await assertFails("recv", remoteAddr, receive);
  }
  await assertFails("send", remoteAddr, () => client.send("late"));
  await assertFails("closeWrite", remoteAddr, () => client.closeWrite());

  await listener.close();
  await assertFails("accept", listener.addr, () => listener.accept());
});

testEachTransport("a call that waits leads to its line", async (over) => {
  for (const index of [0, 1, 2, 3, 4]) {
    await using ends = await pair(over);
    const { client, server } = ends;
    const receive = receivers(client, server)[index];
    const failed = assertFails("recv", client.remoteAddr, receive);
    await client.close();
    await failed;
  }

  await using ends = await pair(over);
  const { client, server, listener } = ends;
  const accepting = assertFails("accept", listener.addr, () => {
    return listener.accept();
  });
  await listener.close();
  await accepting;

  // More than the kernel takes without a reader.
  const large = new Uint8Array(64 << 20);
  const { remoteAddr } = client;
  const traced = { isTraced: !onBun };
  const sending = assertFails("send", remoteAddr, () => {
    return client.send(large);
  }, traced);
  const queued = assertFails("send", remoteAddr, () => {
    return client.send("x");
  }, traced);
  const ended = assertFails("closeWrite", remoteAddr, () => {
    return client.closeWrite();
  }, traced);
  await client.close();
  await Promise.all([sending, queued, ended]);
  await server.close();
});

it("a receive that meets a reset leads to its line", async () => {
  const listener = await listen({ port: 0 });
  await using cutter = startCutter(
    "TCP/IPv4",
    listener.addr,
    "s = reach()\ninput()\ncut(s)\nprint('cut', flush=True)",
  );
  await using conn = await listener.accept();
  const { remoteAddr } = conn;
  const failed = assertFails("recv", remoteAddr, () => conn.recv(), {
    isTraced: !onBun,
  });
  await resetNow(cutter);
  await failed;
  await assertFails("recv", remoteAddr, () => conn.recv());
  await assertFails("send", remoteAddr, () => conn.send("late"));
  await listener.close();
});

describe("errors of calls that open", () => {
  it("listen", async () => {
    await using first = await listen({ port: 0 });
    const { port } = first.addr;
    const error = await assertFails("listen", first.addr, () => {
      return listen({ port });
    });
    assert(/^Cannot listen on 127.0.0.1:/.test(error.message), error.message);
    await assertFails("listen", first.addr, () => serveEcho({ port }));
  });

  it("connect", async () => {
    const gone = await listen({ port: 0 });
    await gone.close();
    const { port } = gone.addr;
    await assertFails("connect", gone.addr, () => connect({ port }));
    await assertFails("connect", gone.addr, () => {
      return connect({ port, timeout: 1000 });
    });
    // Without `await` there is nothing to follow but the call itself.
    let error: unknown;
    await connect({ port, signal: new AbortController().signal })
      .catch((reason) => error = reason);
    assert(error instanceof SocketError);
    assert(HERE.test(error.stack?.split("\n")[1] ?? ""), error.stack);
    await assertFails(
      "connect",
      { transport: "tcp", hostname: "host.invalid", port: 7 },
      () => connect({ hostname: "host.invalid", port: 7 }),
    );
  });

  it("connect to a Unix socket", { skip: noUnix() }, async () => {
    const path = "/nowhere/none.sock";
    const address: Address = { transport: "unix", path };
    await assertFails("connect", address, () => {
      return connect({ transport: "unix", path });
    });
    const long = `/${"x".repeat(200)}`;
    await assertFails("listen", { transport: "unix", path: long }, () => {
      return listen({ transport: "unix", path: long });
    });
  });

  it("bind", async () => {
    await using first = await bind({ port: 0 });
    const { port } = first.addr;
    await assertFails("bind", first.addr, () => bind({ port }));
  });
});

it("errors of a datagram socket name the destination", async () => {
  await using socket = await bind({ port: 0 });
  const { addr } = socket;
  const to = { hostname: "127.0.0.1", port: 9 };
  const address: Address = { transport: "udp", ...to };
  await assertFails("sendTo", address, () => {
    return socket.sendTo(new Uint8Array(65508), to);
  });
  await assertFails("sendTo", { ...address, hostname: "::1" }, () => {
    return socket.sendTo("x", { ...to, hostname: "::1" });
  });
  const group = "239.255.7.7";
  const { port } = addr;
  const member: Address = { transport: "udp", hostname: group, port };
  await assertFails("leaveMulticast", member, () => {
    return socket.leaveMulticast(group, "127.0.0.1");
  });
  const receiving = assertFails("recvFrom", addr, () => socket.recvFrom());
  await socket.close();
  await receiving;
  await assertFails("recvFrom", addr, () => socket.recvFrom());
  await assertFails("sendTo", address, () => socket.sendTo("x", to));
  await assertFails("joinMulticast", member, () => {
    return socket.joinMulticast(group, "127.0.0.1");
  });
});

function receivers(
  conn: Connection,
  other: Connection,
): (() => Promise<unknown>)[] {
  return [
    () => conn.recv(),
    () => conn.recvExactly(1),
    () => conn.recvUntil("\n"),
    () => conn.pipeTo(other),
    async () => {
      for await (const chunk of conn) assert(chunk.length > 0);
    },
  ];
}
