// What the datagram servers promise.
import { describe, it } from "node:test";
import {
  bind,
  type DatagramHandler,
  type DatagramServerOptions,
  type Greeting,
  type NetAddress,
  serveDatagrams,
  serveEcho,
  serveGreeting,
  SocketError,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  assertSameBytes,
  untyped,
} from "../support/assert.ts";
import { pattern, text } from "../support/bytes.ts";
import { captureConsoleError } from "../support/console.ts";
import { largestDatagram } from "../support/platform.ts";
import { ask, perFamily } from "../support/udp.ts";
import { until } from "../support/wait.ts";

perFamily("what the handler returns is sent back", async (hostname) => {
  const handlers: [DatagramHandler, string][] = [
    [(data) => data, "hello"],
    [(data) => data.subarray(1, 3), "el"],
    [() => "text, é漢", "text, é漢"],
    [() => "", ""],
    [() => new Uint8Array(0), ""],
    [(data) => Promise.resolve(data), "hello"],
    [async () => await Promise.resolve("later"), "later"],
    [(_, { hostname, port }) => `${hostname} ${port > 0}`, `${hostname} true`],
  ];
  for (const [handler, answer] of handlers) {
    await using server = await serveDatagrams({ hostname, port: 0 }, handler);
    assertEquals(text(await ask(server, "hello")), answer);
  }
});

perFamily("nothing is sent back for nothing", async (hostname) => {
  let received = 0;
  const quiet: DatagramHandler = (data) => {
    received++;
    return text(data) === "speak" ? "spoken" : undefined;
  };
  await using server = await serveDatagrams({ hostname, port: 0 }, quiet);
  await using socket = await bind({ hostname, port: 0 });
  for (const word of ["hush", "", "speak"]) {
    await socket.sendTo(word, server.addr);
  }
  assertEquals(text((await socket.recvFrom())[0]), "spoken");
  assertEquals(received, 3);
  await until(() => server.stats().sent === 1);
  assertEquals(server.stats(), {
    received: 3,
    sent: 1,
    withheld: 0,
    dropped: 0,
    bytesReceived: 9,
    bytesSent: 6,
  });
});

perFamily("a slow handler delays no other peer", async (hostname) => {
  const gate = Promise.withResolvers<void>();
  await using server = await serveDatagrams(
    { hostname, port: 0 },
    async (data) => {
      if (text(data) === "slow") await gate.promise;
      return data;
    },
  );
  const slow = ask(server, "slow");
  assertEquals(text(await ask(server, "quick")), "quick");
  gate.resolve();
  assertEquals(text(await slow), "slow");
});

describe("a handler that fails spares the server", () => {
  const fault = new Error("From the handler");
  const failures: [string, DatagramHandler, unknown][] = [
    ["at once", () => {
      throw fault;
    }, fault],
    ["later", () => Promise.reject(fault), fault],
    ["with undefined", () => Promise.reject(undefined), undefined],
  ];
  for (const [name, fail, expected] of failures) {
    const handler: DatagramHandler = (data, from) =>
      text(data) === "fail" ? fail(data, from) : data;
    it(`${name}, reported to onError`, async () => {
      const errors: [unknown, NetAddress<"udp">][] = [];
      const onError = (error: unknown, from: NetAddress<"udp">) =>
        void errors.push([error, from]);
      await using server = await serveDatagrams({ port: 0, onError }, handler);
      await using socket = await bind({ port: 0 });
      await socket.sendTo("fail", server.addr);
      await until(() => errors.length > 0);
      assert(errors[0][0] === expected);
      assertEquals(errors[0][1], socket.addr);
      assertEquals(text(await ask(server, "alive")), "alive");
      assertEquals(errors.length, 1);
    });
    it(`${name}, reported to console.error`, async () => {
      await using server = await serveDatagrams({ port: 0 }, handler);
      await using socket = await bind({ port: 0 });
      const printed = await captureConsoleError(async () => {
        await socket.sendTo("fail", server.addr);
        assertEquals(text(await ask(server, "alive")), "alive");
      });
      assertEquals(printed, [expected]);
    });
  }
  it("by a reply that is none, or is too large", async () => {
    const replies = [1, {}, null, new Uint8Array(65508)];
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    await using server = await serveDatagrams({ port: 0, onError }, (data) => {
      const [index] = data;
      return index < replies.length ? untyped(replies[index]) : data;
    });
    await using socket = await bind({ port: 0 });
    for (let i = 0; i < 4; i++) {
      await socket.sendTo(Uint8Array.of(i), server.addr);
      await until(() => errors.length === i + 1);
    }
    for (const error of errors.slice(0, 3)) assert(error instanceof TypeError);
    assert(errors[3] instanceof SocketError && errors[3].code === "EMSGSIZE");
    assertEquals(text(await ask(server, "alive")), "alive");
    assertEquals(server.stats().sent, 1);
  });
  it("even where onError fails too", async () => {
    const onErrors: DatagramServerOptions["onError"][] = [
      () => {
        throw fault;
      },
      () => Promise.reject(fault),
    ];
    for (const onError of onErrors) {
      const printed = await captureConsoleError(async () => {
        await using server = await serveDatagrams({ port: 0, onError }, () => {
          throw new Error("Of no interest");
        });
        await using socket = await bind({ port: 0 });
        for (let i = 1; i <= 3; i++) {
          await socket.sendTo("fail", server.addr);
          await until(() => server.stats().received === i);
        }
        await socket.sendTo("", socket.addr);
        await socket.recvFrom();
      });
      assertEquals(printed, [fault, fault, fault]);
    }
  });
});

describe("the life of a server", () => {
  it("onListen gets the address; one that throws ends the server", async () => {
    const addrs: NetAddress<"udp">[] = [];
    const onListen = (addr: NetAddress<"udp">) => void addrs.push(addr);
    await using server = await serveDatagrams(
      { port: 0, onListen },
      () => undefined,
    );
    assertEquals(addrs, [server.addr]);
    const fault = new Error("From onListen");
    const fail = (addr: NetAddress<"udp">) => {
      addrs.push(addr);
      throw fault;
    };
    const failing = serveDatagrams({ port: 0, onListen: fail }, () => {});
    assertEquals(await failing.catch((error) => error), fault);
    await using _again = await bind({ port: addrs[1].port });
  });
  it("shutdown frees the port, and finishes", async () => {
    const server = await serveDatagrams({ port: 0 }, (data) => data);
    assertEquals(text(await ask(server, "hello")), "hello");
    let finished = false;
    server.finished.then(() => finished = true);
    await Promise.all([server.shutdown(), server.shutdown()]);
    await server.finished;
    assert(finished);
    await using again = await bind({ port: server.addr.port });
    assertEquals(again.addr, server.addr);
    assertEquals(server.stats().sent, 1);
  });
  it("shutdown waits for no handler; its late answer is EBADF", async () => {
    const gate = Promise.withResolvers<string>();
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const server = await serveDatagrams(
      { port: 0, onError },
      () => gate.promise,
    );
    await using socket = await bind({ port: 0 });
    await socket.sendTo("hello", server.addr);
    await until(() => server.stats().received === 1);
    await server.shutdown();
    gate.resolve("too late");
    await until(() => errors.length > 0);
    assert(errors[0] instanceof SocketError && errors[0].code === "EBADF");
  });
  it("await using stops it", async () => {
    let port: number;
    {
      await using server = await serveDatagrams({ port: 0 }, () => {});
      port = server.addr.port;
    }
    await using _again = await bind({ port });
  });
  it("the signal stops it: before, during and after the start", async () => {
    const reason = new Error("Enough");
    const aborted = { port: 0, signal: AbortSignal.abort(reason) };
    const early = serveDatagrams(aborted, () => {});
    assertEquals(await early.catch((error) => error), reason);
    const during = new AbortController();
    const starting = serveDatagrams(
      { port: 0, signal: during.signal },
      (data) => data,
    );
    during.abort(reason);
    const outcome = await starting.then(async (server) => {
      await using _server = server;
      await using socket = await bind({ port: 0 });
      await socket.sendTo("are you there?", server.addr);
      const answer = socket.recvFrom().then(() => "it serves on", () => reason);
      return await Promise.race([server.finished.then(() => reason), answer]);
    }, (error) => error);
    assertEquals(outcome, reason);
    const after = new AbortController();
    const { signal } = after;
    const server = await serveDatagrams({ port: 0, signal }, (data) => data);
    assertEquals(text(await ask(server, "hello")), "hello");
    after.abort();
    await server.finished;
    await using _again = await bind({ port: server.addr.port });
  });
});

perFamily("many peers at once are served, each its own", async (hostname) => {
  await using server = await serveEcho({ transport: "udp", hostname, port: 0 });
  const peers = Array.from({ length: 50 }, async (_, peer) => {
    await using socket = await bind({ hostname, port: 0 });
    for (let i = 0; i < 40; i++) {
      await socket.sendTo(`${peer}: ${i}`, server.addr);
      assertEquals(text((await socket.recvFrom())[0]), `${peer}: ${i}`);
    }
  });
  await Promise.all(peers);
  await until(() => server.stats().sent === 2000);
  const { received, withheld, dropped } = server.stats();
  assertEquals([received, withheld, dropped], [2000, 0, 0]);
});

perFamily("serveEcho sends back every datagram", async (hostname) => {
  await using server = await serveEcho({ transport: "udp", hostname, port: 0 });
  for (const length of [0, 1, 1472, largestDatagram()]) {
    const data = pattern(length, length);
    assertSameBytes(await ask(server, data), data);
  }
});

perFamily("serveGreeting greets each datagram", async (hostname) => {
  const messages: [Greeting<NetAddress<"udp">>, string][] = [
    ["Grüezi", "Grüezi"],
    [new TextEncoder().encode("bytes"), "bytes"],
    ["", ""],
    [
      (from, first) => `${from.hostname}, ${text(first ?? null)}`,
      `${hostname}, I`,
    ],
    [() => Promise.resolve(Uint8Array.of(97)), "a"],
  ];
  for (const [message, greeting] of messages) {
    const said: string[] = [];
    const onMessage = async (data: Uint8Array, from: NetAddress<"udp">) => {
      await Promise.resolve();
      said.push(`${from.hostname}: ${text(data)}`);
    };
    const where = { transport: "udp", hostname, port: 0 } as const;
    await using server = await serveGreeting({ ...where, message, onMessage });
    for (const word of ["I", "", "I"]) {
      if (word) assertEquals(text(await ask(server, word)), greeting);
      else await ask(server, word);
    }
    assertEquals(said, ["I", "", "I"].map((word) => `${hostname}: ${word}`));
  }
});

describe("wrong options", () => {
  const rejects = async (
    options: object,
    type: typeof TypeError | typeof RangeError,
  ) => {
    const { addr: { port } } = await bind({ port: 0 }).then(async (socket) => {
      await socket.close();
      return socket;
    });
    const udp = { transport: "udp", port, ...options } as const;
    await assertRejects(() => serveDatagrams(udp, () => {}), type);
    await assertRejects(() => serveEcho(udp), type);
    await assertRejects(() => serveGreeting({ ...udp, message: "hi" }), type);
    await using _free = await bind({ port });
  };
  for (
    const [field, values] of [
      ["lowestPort", [-1, NaN, "1", 1n]],
      ["burst", [0, -1, NaN, "1", true]],
      ["rate", [-1, NaN, "1", {}]],
      ["addressBurst", [0, NaN, "1"]],
      ["addressRate", [-1, NaN, "1"]],
      ["totalBurst", [0, NaN, "1"]],
      ["totalRate", [-1, NaN, "1"]],
    ] as const
  ) {
    for (const value of values) {
      const type = typeof value === "number" ? RangeError : TypeError;
      it(`loopGuard.${field} ${typeof value} ${value}: ${type.name}`, () =>
        rejects({ loopGuard: { [field]: value } }, type));
    }
  }
  for (const wrong of [null, "off", 1]) {
    it(`loopGuard ${wrong}: TypeError`, () =>
      rejects({ loopGuard: wrong }, TypeError));
  }
  it("a signal, a handler, a message that is none: TypeError", async () => {
    await rejects({ signal: {} }, TypeError);
    const handler = untyped<DatagramHandler>("hello");
    await assertRejects(() => serveDatagrams({ port: 0 }, handler), TypeError);
    const message = untyped<string>(1);
    const udp = { transport: "udp", port: 0, message } as const;
    await assertRejects(() => serveGreeting(udp), TypeError);
  });
  it("a port in use: EADDRINUSE", async () => {
    await using server = await serveDatagrams({ port: 0 }, () => {});
    const { port } = server.addr;
    const act = () => serveEcho({ transport: "udp", port });
    await assertRejectsWith("EADDRINUSE", act);
  });
});
