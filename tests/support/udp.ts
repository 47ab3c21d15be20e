// What the tests of UDP share.
import { describe, it } from "node:test";
import { bind, type DatagramServer, type DatagramSocket } from "../../mod.ts";
import { assertEquals } from "./assert.ts";
import { text } from "./bytes.ts";
import { onBun, onDeno } from "./platform.ts";

export const native = onDeno && "listenDatagram" in Object(globalThis["Deno"]);
export const backEnd = onBun
  ? "Bun"
  : native
  ? "Deno.listenDatagram"
  : "node:dgram";

export function perFamily(
  behaviour: string,
  test: (hostname: string) => Promise<void>,
): void {
  describe(behaviour, () => {
    it("IPv4", { timeout: 30_000 }, () => test("127.0.0.1"));
    it("IPv6", { timeout: 30_000 }, () => test("::1"));
  });
}

/** A port where nothing listens. */
export async function deadPort(hostname: string): Promise<number> {
  await using socket = await bind({ hostname, port: 0 });
  return socket.addr.port;
}

/** Two sockets, closed together. */
export async function twoSockets(
  hostname: string,
): Promise<AsyncDisposable & { a: DatagramSocket; b: DatagramSocket }> {
  const a = await bind({ hostname, port: 0 });
  const b = await bind({ hostname, port: 0 });
  return {
    a,
    b,
    async [Symbol.asyncDispose]() {
      await Promise.all([a.close(), b.close()]);
    },
  };
}

export async function recvText(socket: DatagramSocket): Promise<string> {
  return text((await socket.recvFrom())[0]);
}

/** Asks the server from a socket of its own. */
export async function ask(
  server: DatagramServer,
  question: Uint8Array | string,
): Promise<Uint8Array<ArrayBuffer>> {
  const { hostname } = server.addr;
  await using socket = await bind({ hostname, port: 0 });
  await socket.sendTo(question, server.addr);
  const [answer, from] = await socket.recvFrom();
  assertEquals(from, server.addr);
  return answer;
}
