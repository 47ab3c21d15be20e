// What TCP connections have set: TCP_NODELAY, and keepAlive where asked.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { it } from "node:test";
import {
  type Address,
  connect,
  type ConnectOptions,
  listen,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
} from "../support/assert.ts";
import { noSecondHost, onBun, onDeno } from "../support/platform.ts";
import { python } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";
import { portOf } from "../support/transports.ts";
import { until } from "../support/wait.ts";

it("TCP_NODELAY is on: small writes do not wait for each other", {
  timeout: 30_000,
}, async () => {
  await using listener = await listen({ port: 0 });
  const { port } = listener.addr;
  await using client = await connect({ port });
  await using server = await listener.accept();
  const started = performance.now();
  for (let i = 0; i < 20; i++) {
    // With Nagle's algorithm the second write waits 40 ms for the answer to
    // the first.
    await client.send("a");
    await client.send("b");
    for (let n = 0; n < 2;) n += (await server.recv())?.length ?? 2;
    await server.send("c");
    await server.send("d");
    for (let n = 0; n < 2;) n += (await client.recv())?.length ?? 2;
  }
  const took = performance.now() - started;
  assert(took < 400, `${took} ms for 20 rounds`);
});

const TCP_TABLE = "/proc/net/tcp";
const skip = existsSync(TCP_TABLE) ? false : `There is no ${TCP_TABLE}`;

it("keepAlive sets the probe's timer on both sides", { skip }, async () => {
  for (const keepAlive of [true, false]) {
    await using listener = await listen({ port: 0, keepAlive });
    const { port } = listener.addr;
    await using client = await connect({ port, keepAlive });
    await using server = await listener.accept();
    for (const { localAddr, remoteAddr } of [client, server]) {
      assertEquals(probes(localAddr, remoteAddr), keepAlive);
    }
  }
});

it("keepAlive takes the delay of the first probe", { skip }, async () => {
  const keepAlive = { initialDelay: 40_000 };
  await using listener = await listen({ port: 0, keepAlive });
  const { port } = listener.addr;
  await using client = await connect({ port, keepAlive });
  await using server = await listener.accept();
  for (const { localAddr, remoteAddr } of [client, server]) {
    assert(probes(localAddr, remoteAddr));
    const [, jiffies] = timer(localAddr, remoteAddr).split(":");
    const seconds = parseInt(jiffies, 16) / 100;
    assert(seconds > 30 && seconds <= 41, `${seconds} s`);
  }
  await client.send("hello");
  assertEquals((await server.recv())?.length, 5);
});

if (skip) console.log(`Skipped: ${skip}`);
else {
  testTls("keepAlive and its delay go with TLS", async ({ ca, server }) => {
    for (const tls of [server, { ...server, sni: () => undefined }]) {
      for (const keepAlive of [true, { initialDelay: 40_000 }]) {
        await using listener = await listen({ port: 0, tls, keepAlive });
        const { port } = listener.addr;
        const [client, accepted] = await Promise.all([
          connect({ port, tls: { caCerts: [ca] }, keepAlive }),
          listener.accept(),
        ]);
        for (const { localAddr, remoteAddr } of [client, accepted]) {
          // What is still under way has another timer.
          await until(() => probes(localAddr, remoteAddr));
          const [, jiffies] = timer(localAddr, remoteAddr).split(":");
          const seconds = parseInt(jiffies, 16) / 100;
          assertEquals(seconds <= 41, keepAlive !== true, `${seconds} s`);
        }
        await Promise.all([client.close(), accepted.close()]);
      }
    }
  });
}

it("keepAlive takes the times of further probes", { skip }, async () => {
  const keepAlive = { initialDelay: 40_000, interval: 7000, count: 3 };
  if (onDeno || onBun) {
    await assertRejectsWith("ENOTSUP", () => listen({ port: 0, keepAlive }));
    await assertRejectsWith("ENOTSUP", () => connect({ port: 1, keepAlive }));
    return;
  }
  await using listener = await listen({ port: 0, keepAlive });
  const { port } = listener.addr;
  await using client = await connect({ port, keepAlive });
  await using server = await listener.accept();
  for (const { localAddr, remoteAddr } of [client, server]) {
    assertEquals(probeTimes(localAddr, remoteAddr), "40 7 3\n");
  }
});

it("connect comes from localAddress and localPort", {
  skip: noSecondHost(),
}, async () => {
  await using listener = await listen({ port: 0 });
  const { port } = listener.addr;
  const localAddress = "127.0.0.2";
  await using first = await connect({ port, localAddress });
  await using second = await listener.accept();
  assertEquals(first.localAddr, second.remoteAddr);
  assertEquals(first.localAddr.hostname, localAddress);
  // One that is free now.
  const free = await listen({ port: 0, hostname: localAddress });
  const { port: localPort } = free.addr;
  await free.close();
  await using third = await connect({ port, localAddress, localPort });
  await using fourth = await listener.accept();
  assertEquals<unknown>(fourth.remoteAddr, free.addr);
  await third.send("hello");
  assertEquals((await fourth.recv())?.length, 5);
});

it("a local address that is not this machine's is EADDRNOTAVAIL", async () => {
  await using listener = await listen({ port: 0 });
  const { port } = listener.addr;
  await assertRejectsWith("EADDRNOTAVAIL", () => {
    return connect({ port, localAddress: "192.0.2.1" });
  });
  await assertRejectsWith("EADDRINUSE", () => {
    return connect({ port, localPort: port });
  });
  await assertRejectsWith("EAFNOSUPPORT", () => {
    return connect({ port, localAddress: "::1" });
  });
  await assertRejects(
    () => connect({ port, localAddress: "localhost" }),
    TypeError,
  );
  await assertRejects(() => connect({ port, localPort: 0 }), RangeError);
});

it("keepAlive is checked", async () => {
  for (const initialDelay of [0, 999, 1000.5, 32_767_001]) {
    const keepAlive = { initialDelay };
    await assertRejects(() => listen({ port: 0, keepAlive }), RangeError);
    await assertRejects(() => connect({ port: 1, keepAlive }), RangeError);
  }
  for (const wrong of [{ interval: 999 }, { count: 0 }, { count: 128 }]) {
    const keepAlive = { initialDelay: 1000, ...wrong };
    await assertRejects(() => listen({ port: 0, keepAlive }), RangeError);
  }
  for (const keepAlive of [{}, 5, null, { initialDelay: 1000, delay: 1 }]) {
    const options = { port: 1, keepAlive } as ConnectOptions;
    await assertRejects(() => connect(options), TypeError);
  }
});

/** Whether the kernel runs a keep-alive timer, number 2, for the connection. */
function probes(local: Address, remote: Address): boolean {
  return timer(local, remote).startsWith("02:");
}

/** The kernel's timer of a connection: its number, and the jiffies left. */
function timer(local: Address, remote: Address): string {
  return row(local, remote)[5];
}

/** What the kernel has for the delay, the interval and the count of probes. */
function probeTimes(local: Address, remote: Address): string {
  const link = `socket:[${row(local, remote)[9]}]`;
  const fd = readdirSync("/proc/self/fd").find((fd) => {
    // That of the list itself is closed by now.
    const path = `/proc/self/fd/${fd}`;
    return existsSync(path) && readlinkSync(path) === link;
  });
  const [program, ...args] = python(`
tcp = socket.socket(fileno=3)
names = socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT
print(*(tcp.getsockopt(socket.IPPROTO_TCP, name) for name in names))
`);
  const { stdout } = spawnSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit", Number(fd)],
  });
  return stdout;
}

/** The row of a connection in the kernel's table. */
function row(local: Address, remote: Address): string[] {
  const [from, to] = [local, remote].map((address) =>
    `0100007F:${portOf(address).toString(16).toUpperCase().padStart(4, "0")}`
  );
  const line = readFileSync(TCP_TABLE, "utf8").split("\n")
    .find((line) => line.includes(`${from} ${to}`));
  if (line === undefined) throw new Error(`No connection ${from} ${to}`);
  return line.trim().split(/\s+/);
}
