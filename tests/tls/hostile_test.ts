// Handshakes cut or corrupted at every stage, by a host in between.
import { connect, type Connection, listen, type Listener } from "../../mod.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { concat, recvAll, text } from "../support/bytes.ts";
import { start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";
import { portOf } from "../support/transports.ts";

/** The steps of an offset: all of what decides, then some of the rest. */
function offsets(length: number, step: number): number[] {
  const all = Array.from({ length }, (_, i) => i);
  return all.filter((i) => i < 12 || i % step === 0 || i === length - 1);
}

/** What openssl says first, as it says it to a server of no TLS. */
async function recordHello(): Promise<Uint8Array<ArrayBuffer>> {
  await using listener = await listen({ port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  await using _client = start(["openssl", "s_client", "-connect", address]);
  await using conn = await listener.accept();
  const parts = [await conn.recv() ?? new Uint8Array(0)];
  const length = 5 + 256 * parts[0][3] + parts[0][4];
  for (let have = parts[0].length; have < length;) {
    const more = await conn.recv() ?? new Uint8Array(0);
    parts.push(more);
    have += more.length;
  }
  return concat(parts);
}

/** Serves, and keeps what each client said. */
async function recordAll(listener: Listener, said: string[]): Promise<void> {
  for await (const conn of listener) {
    said.push(await recvAll(conn).then(text, ({ code }) => code));
    await conn.send("heard").catch(({ code }) => said.push(code));
    await conn.close();
  }
}

testTls("a hello cut or flipped at any byte is no connection", async (made) => {
  const hello = await recordHello();
  await using listener = await listen({ port: 0, tls: made.server });
  const { port } = listener.addr;
  const said: string[] = [];
  const recording = recordAll(listener, said);
  const cut = offsets(hello.length, 8).map((at) => hello.slice(0, at));
  const flipped = offsets(hello.length, 8).map((at) => {
    const bytes = hello.slice();
    bytes[at] ^= 0xff;
    return bytes;
  });
  await Promise.all([...cut, ...flipped].map(async (bytes) => {
    await using conn = await connect({ port });
    // One that is refused at once may not take all of it.
    await conn.send(bytes).catch(() => {});
    await conn.closeWrite();
    await recvAll(conn).catch(({ code }) => assertEquals(code, "ECONNRESET"));
  }));
  await using honest = await connect({ port, tls: { caCerts: [made.ca] } });
  await honest.send("honest");
  await honest.closeWrite();
  assertEquals(text(await recvAll(honest)), "heard");
  assertEquals(said, ["honest"]);
  await listener.close();
  await recording;
});

interface Spoiler {
  direction: "up" | "down";
  at: number;
  way: "cut" | "flip";
}

/** Passes bytes on until the one that it spoils. */
async function pass(
  from: Connection,
  to: Connection,
  spoiler?: Spoiler,
): Promise<void> {
  for (let data, at = 0; (data = await from.recv()) !== null;) {
    const place = spoiler === undefined ? -1 : spoiler.at - at;
    at += data.length;
    if (place >= 0 && place < data.length) {
      if (spoiler?.way === "cut") {
        await to.send(data.subarray(0, place));
        return await to.closeWrite();
      }
      data[place] ^= 0x55;
    }
    await to.send(data);
  }
  await to.closeWrite();
}

/** Relays one connection; `over` cuts it, whatever waits for more. */
async function relay(
  listener: Listener,
  to: number,
  spoiler: Spoiler,
  over: Promise<void>,
): Promise<void> {
  await using front = await listener.accept();
  await using back = await connect({ port: to });
  const { direction } = spoiler;
  const passing = Promise.allSettled([
    pass(front, back, direction === "up" ? spoiler : undefined),
    pass(back, front, direction === "down" ? spoiler : undefined),
  ]);
  await over;
  await Promise.all([front.close(), back.close()]);
  await passing;
}

for (const direction of ["up", "down"] as const) {
  for (const way of ["cut", "flip"] as const) {
    testTls(
      `a handshake that meets a ${way} on the way ${direction}`,
      async (made) => {
        await using listener = await listen({ port: 0, tls: made.server });
        const said: string[] = [];
        const recording = recordAll(listener, said);
        // As long as what goes each way before the first word, or nearly.
        const places = offsets(direction === "up" ? 300 : 700, 16);
        const ends = await Promise.all(places.map(async (at) => {
          await using middle = await listen({ port: 0 });
          const over = Promise.withResolvers<void>();
          const spoiler = { direction, at, way };
          const { port } = listener.addr;
          const relaying = relay(middle, port, spoiler, over.promise);
          // A length that was spoiled has both wait for more: then this ends it.
          const signal = AbortSignal.timeout(5000);
          const end = await talk(portOf(middle.addr), made.ca, signal);
          over.resolve();
          await relaying;
          return end;
        }));
        const codes = new Set(ends);
        for (const code of codes) {
          const known = [
            "EPROTO",
            "ECONNRESET",
            "EPIPE",
            "gone",
            "late",
            "whole",
          ];
          assert(known.includes(code), code);
        }
        assert(codes.has("EPROTO"), [...codes].join());
        const whole = ends.filter((end) => end === "whole").length;
        // What arrived is what was sent, and only by a finished handshake.
        const words = said.filter((s) => s === "secret").length;
        for (const s of said) {
          assert(["secret", "", "EPROTO", "ECONNRESET"].includes(s), s);
        }
        assert(words >= whole, `${words} of ${whole} arrived`);
        // A few bytes of the record layer mean nothing: the rest must matter.
        assert(
          whole < places.length / 4,
          `${whole} of ${places.length} went on`,
        );
        const { port } = listener.addr;
        await assertRejectsWith(
          "EPROTO",
          () => connect({ port, tls: { caCerts: [made.otherCa] } }),
        );
        await listener.close();
        await recording;
      },
    );
  }
}

/** Connects, says its word, and waits for the answer: how did it go? */
async function talk(
  port: number,
  ca: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    const options = { port, tls: { caCerts: [ca] }, signal };
    await using conn = await connect(options);
    await conn.send("secret");
    await conn.closeWrite();
    const answer = await conn.recv(5, { signal });
    return answer === null ? "gone" : "whole";
  } catch (error) {
    if (error === signal.reason) return "late";
    const code: unknown = Reflect.get(Object(error), "code");
    return String(code);
  }
}
