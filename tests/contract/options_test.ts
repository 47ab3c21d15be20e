// Which options `listen` and `connect` refuse.
import { describe, it } from "node:test";
import {
  bind,
  connect,
  type ConnectOptions,
  listen,
  type ListenOptions,
} from "../../mod.ts";
import { assertRejects, untyped } from "../support/assert.ts";

describe("wrong arguments", () => {
  for (const port of [-1, 65536, 1.5, NaN, Infinity]) {
    it(`port ${port} is a RangeError`, async () => {
      await assertRejects(() => listen({ port }), RangeError);
      await assertRejects(() => connect({ port }), RangeError);
    });
  }
  it("port 0 cannot be connected to", async () => {
    await assertRejects(() => connect({ port: 0 }), RangeError);
  });
  for (const port of ["80", undefined, null, {}, 80n]) {
    it(`port ${typeof port} is a TypeError`, async () => {
      await assertRejects(
        () => listen(untyped<ListenOptions>({ port })),
        TypeError,
      );
      await assertRejects(
        () => connect(untyped<ConnectOptions>({ port })),
        TypeError,
      );
    });
  }
  for (const hostname of ["", 127, null]) {
    it(`hostname ${JSON.stringify(hostname)} is a TypeError`, async () => {
      const options = untyped<{ port: number }>({ hostname, port: 1 });
      await assertRejects(() => listen(options), TypeError);
      await assertRejects(() => connect(options), TypeError);
    });
  }
  it("no options, or an unknown transport, are a TypeError", async () => {
    for (const wrong of [undefined, null, 80, { transport: "sctp", port: 1 }]) {
      await assertRejects(
        () => listen(untyped<ListenOptions>(wrong)),
        TypeError,
      );
      await assertRejects(
        () => connect(untyped<ConnectOptions>(wrong)),
        TypeError,
      );
    }
  });
  it("tls on anything but TCP is a TypeError", async () => {
    const unix = { transport: "unix", path: "x.sock", tls: true };
    await assertRejects(() => listen(untyped<ListenOptions>(unix)), TypeError);
    await assertRejects(
      () => connect(untyped<ConnectOptions>(unix)),
      TypeError,
    );
    const udp = { port: 0, tls: true };
    await assertRejects(() => bind(udp), TypeError);
  });
  it("a backlog below 1 is a RangeError", async () => {
    await assertRejects(() => listen({ port: 0, backlog: 0 }), RangeError);
  });
  it("a signal that is none is a TypeError", async () => {
    const options = untyped<{ port: number }>({ port: 1, signal: {} });
    await assertRejects(() => connect(options), TypeError);
  });
});
