// What the tests of the servers share.
import {
  type Connection,
  listen,
  type ListenOptions,
  type Server,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals, assertRejects } from "./assert.ts";
import { recvExactly, text } from "./bytes.ts";
import type { Transport } from "./transports.ts";

/** Options to listen at a place that is free. */
export async function freePlace(transport: Transport): Promise<ListenOptions> {
  await using listener = await transport.listen();
  return transport.listenOptions(listener.addr);
}

/** Asserts that a listener may have this place. */
export async function assertFree(place: ListenOptions): Promise<void> {
  await using listener = await listen(place);
  assert(listener.addr);
}

/** Asserts that connections to a server that has ended are refused. */
export async function assertNotListening(
  transport: Transport,
  server: Server,
): Promise<void> {
  const { code } = await assertRejects(
    () => transport.connect(server.addr),
    SocketError,
  );
  const gone = server.addr.transport === "unix" ? "ENOENT" : "ECONNREFUSED";
  assertEquals(code, gone);
}

/** Sends a word, and asserts that it comes back. */
export async function exchange(
  client: Connection,
  word: string,
): Promise<void> {
  await client.send(word);
  assertEquals(text(await recvExactly(client, word.length)), word);
}
