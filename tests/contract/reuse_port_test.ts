// A port that several listeners share.
import { describe, it } from "node:test";
import { listen } from "../../mod.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { noSharedPorts, onDeno } from "../support/platform.ts";

const options = { timeout: 60_000, skip: noSharedPorts() };

describe("reusePort", () => {
  it("lets two listeners share a port, or says why not", options, async () => {
    const shared = { port: 0, reusePort: true };
    const mayShare = !onDeno ||
      "listenDatagram" in Reflect.get(globalThis, "Deno");
    if (!mayShare) {
      console.log("Deno runs without --unstable-net");
      const error = await assertRejectsWith("ENOTSUP", () => listen(shared));
      assert(error.message.includes("--unstable-net"), error.message);
      return;
    }
    await using first = await listen(shared);
    await using second = await listen({ ...shared, port: first.addr.port });
    assertEquals(second.addr, first.addr);
  });
  it("is off unless asked for", async () => {
    await using first = await listen({ port: 0 });
    const { port } = first.addr;
    await assertRejectsWith("EADDRINUSE", () => listen({ port }));
  });
});
