// What the tests of the servers share.
import {
  type Address,
  type Connection,
  listen,
  type ListenOptions,
  type Server,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals, assertRejects } from "./assert.ts";
import { recvExactly, text } from "./bytes.ts";
import { portOf, type Transport } from "./transports.ts";

/** Options to listen at an address that is known already. */
export function at(transport: Transport, addr: Address): ListenOptions {
  const options = transport.listenOptions();
  if (options.transport !== "unix") return { ...options, port: portOf(addr) };
  return addr.transport === "unix" ? { ...options, path: addr.path } : options;
}

/** Options to listen where nobody does; whether that stays so can be asked. */
export async function freePlace(transport: Transport): Promise<ListenOptions> {
  await using listener = await transport.listen();
  return at(transport, listener.addr);
}

export async function assertFree(place: ListenOptions): Promise<void> {
  await using listener = await listen(place);
  assert(listener.addr);
}

export async function assertRefused(
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

export async function exchange(
  client: Connection,
  word: string,
): Promise<void> {
  await client.send(word);
  assertEquals(text(await recvExactly(client, word.length)), word);
}
