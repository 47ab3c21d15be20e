// Unix sockets at a path of the test's choice, and what may be there instead.
import { connect, listen, type UnixListenOptions } from "../../mod.ts";
import { assert, assertEquals, assertRejectsWith } from "./assert.ts";
import { text } from "./bytes.ts";
import { output, python } from "./programs.ts";
import { pathOf } from "./transports.ts";

export function at(path: string): UnixListenOptions {
  return { transport: "unix", path };
}

/** Asserts that a listener can be reached at its path. */
export async function assertServes(
  listener: Awaited<ReturnType<typeof listen>>,
): Promise<void> {
  await using client = await connect(at(pathOf(listener.addr)));
  await client.send("hello");
  let received = "";
  // A `removeStale` that connected there left without a word.
  while (received === "") {
    await using server = await listener.accept();
    received = text(await server.recv());
  }
  assertEquals(received, "hello");
}

export async function assertInUse(options: UnixListenOptions): Promise<void> {
  const error = await assertRejectsWith("EADDRINUSE", () => listen(options));
  assert(error.message.includes(`unix:${options.path}`), error.message);
}

/** A socket file that no server listens at any more. */
export async function stale(): Promise<string> {
  const path = pathOf();
  await output(python("socket.socket(socket.AF_UNIX).bind(args[0])", path));
  return path;
}
