// `sni`: the certificate by the name that the client asks for.
import {
  connect,
  listen,
  type TlsConnectOptions,
  type TlsIdentity,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  assertSameBytes,
  untyped,
} from "../support/assert.ts";
import { pattern, recvAll, recvExactly, text } from "../support/bytes.ts";
import { start } from "../support/programs.ts";
import { join, testTls } from "../support/tls.ts";

const serverName = "stranger.invalid";

testTls("sni chooses a certificate by name, at once or later", async (made) => {
  const { ca, server, stranger } = made;
  const asked: string[] = [];
  const choose = (name: string) => {
    asked.push(name);
    return name === serverName ? stranger : undefined;
  };
  const later = async (name: string) => {
    await new Promise((resolve) => setTimeout(resolve));
    return choose(name);
  };
  for (const sni of [choose, later]) {
    const tls = { ...server, sni, alpnProtocols: ["parley"] };
    await using listener = await listen({ port: 0, tls });
    const caCerts = [ca];
    const alpnProtocols = ["parley"];
    const names: [TlsConnectOptions, string | undefined][] = [
      [{ caCerts, alpnProtocols, serverName }, serverName],
      [{ caCerts, alpnProtocols, serverName: "localhost" }, "localhost"],
      // An IP address is no name to ask for.
      [{ caCerts, alpnProtocols }, undefined],
    ];
    for (const [options, name] of names) {
      const [client, accepted] = await join(listener, options);
      assertEquals(accepted.tls?.serverName, name);
      assertEquals(accepted.tls?.alpnProtocol, "parley");
      await client.send("hello");
      assertEquals(text(await accepted.recv()), "hello");
      await Promise.all([client.close(), accepted.close()]);
    }
    assertEquals(asked.splice(0), [serverName, "localhost"]);
  }
});

testTls("sni renews a certificate without a restart", async (made) => {
  const { ca, server, stranger } = made;
  let current: TlsIdentity = server;
  const tls = { ...server, sni: () => current };
  await using listener = await listen({ port: 0, tls });
  const { port } = listener.addr;
  const options = { caCerts: [ca], serverName };
  const error = await assertRejectsWith(
    "EPROTO",
    () => connect({ port, tls: options }),
  );
  assertEquals(error.reason, "wrong-name");
  current = stranger;
  const [client, accepted] = await join(listener, options);
  await Promise.all([client.close(), accepted.close()]);
});

testTls("an sni that fails ends its own handshake only", async (made) => {
  const { ca, server, stranger } = made;
  const failures: [string, (name: string) => unknown][] = [
    ["throws", () => {
      throw new Error("no such name");
    }],
    ["throws nothing", () => {
      throw undefined;
    }],
    ["rejects", () => Promise.reject(new Error("no such name"))],
    ["returns nonsense", () => ({ cert: "no PEM", key: "neither" })],
    ["returns null", () => null],
    ["mixes a key up", () => ({ cert: stranger.cert, key: server.key })],
  ];
  for (const [what, fail] of failures) {
    const sni = untyped<() => undefined>((name: string) =>
      name === serverName ? fail(name) : undefined
    );
    await using listener = await listen({ port: 0, tls: { ...server, sni } });
    const { port } = listener.addr;
    const tls = { caCerts: [ca], serverName };
    await assertRejectsWith("EPROTO", () => connect({ port, tls }))
      .catch((error) => {
        // The end of the server may come as a reset.
        assertEquals(error.actual, "ECONNRESET", `${what}: ${error}`);
      });
    const [client, accepted] = await join(listener, {
      caCerts: [ca],
      serverName: "localhost",
    });
    assertEquals(accepted.tls?.serverName, "localhost");
    await Promise.all([client.close(), accepted.close()]);
  }
});

testTls("an sni that waits delays no other client", async (made) => {
  const { ca, server } = made;
  const asked = Promise.withResolvers<void>();
  const never = new Promise<undefined>(() => {});
  const sni = (name: string) => {
    if (name !== serverName) return undefined;
    asked.resolve();
    return never;
  };
  const listener = await listen({ port: 0, tls: { ...server, sni } });
  const { port } = listener.addr;
  const waiting = connect({ port, tls: { caCerts: [ca], serverName } })
    .catch((error) => error);
  await asked.promise;
  const [client, accepted] = await join(listener, { caCerts: [ca] });
  await Promise.all([client.close(), accepted.close()]);
  await listener.close();
  assert(["EPROTO", "ECONNRESET"].includes((await waiting).code));
});

testTls("sni goes with clientAuth, by any certificate", async (made) => {
  const { ca, server, stranger, foreign } = made;
  const tls = {
    ...server,
    clientAuth: "require" as const,
    caCerts: [ca],
    sni: (name: string) => name === serverName ? stranger : undefined,
  };
  await using listener = await listen({ port: 0, tls });
  const { port } = listener.addr;
  for (const name of [serverName, "localhost"]) {
    const options = { caCerts: [ca], serverName: name };
    for (const identity of [{}, foreign]) {
      const refused = { ...options, ...identity };
      await connect({ port, tls: refused }).then(
        async (client) => {
          await client.recv().catch(() => null);
          await client.close();
        },
        () => {},
      );
    }
    const [client, accepted] = await join(listener, {
      ...options,
      ...stranger,
    });
    assertEquals(accepted.remoteAddr, client.localAddr);
    assert(accepted.tls?.peerCertificate !== undefined);
    await Promise.all([client.close(), accepted.close()]);
  }
});

testTls("a connection by sni is as any other", async (made) => {
  const { ca, server } = made;
  const tls = { ...server, sni: () => undefined };
  await using listener = await listen({ port: 0, tls, keepAlive: true });
  const [client, accepted] = await join(listener, {
    caCerts: [ca],
    serverName: "localhost",
  });
  assertEquals(accepted.remoteAddr, client.localAddr);
  assertEquals(accepted.localAddr, client.remoteAddr);
  // Large both ways, half-closed, then closed with bytes under way.
  const bytes = pattern(1_000_000);
  const piped = accepted.pipeTo(accepted, { preventClose: true });
  const sent = client.send(bytes);
  assertSameBytes(await recvExactly(client, bytes.length), bytes);
  await sent;
  await client.closeWrite();
  await piped;
  assertEquals(await accepted.recv(), null);
  await accepted.send(bytes);
  await accepted.close();
  assertSameBytes(await recvAll(client), bytes);
  await client.close();
});

testTls("openssl s_client is served by its -servername", async (made) => {
  const { server, stranger, caFile } = made;
  const tls = {
    ...server,
    sni: (name: string) => name === serverName ? stranger : undefined,
  };
  await using listener = await listen({ port: 0, tls });
  for (
    const [options, name] of [
      [["-servername", serverName], serverName],
      [["-servername", "localhost"], "localhost"],
      [["-noservername"], "127.0.0.1"],
    ] as [string[], string][]
  ) {
    const verify = name === "127.0.0.1" ? "-verify_ip" : "-verify_hostname";
    await using client = start([
      ...["openssl", "s_client", "-quiet", "-verify_return_error"],
      ...["-connect", `127.0.0.1:${listener.addr.port}`, "-CAfile", caFile],
      ...[verify, name, ...options],
    ]);
    await using accepted = await listener.accept();
    await accepted.send("served\n");
    assertEquals(await client.line(), "served");
  }
});

testTls("an sni that is no function is a TypeError", async ({ server }) => {
  for (const sni of [true, {}, "localhost", [server]]) {
    const tls = untyped<typeof server>({ ...server, sni });
    await assertRejects(() => listen({ port: 0, tls }), TypeError);
  }
});
