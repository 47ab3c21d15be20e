// In which order the addresses of a name are tried, and what becomes of those
// that lose. The sockets themselves are in tests/e2e/names_test.ts.
import { it } from "node:test";
import { connectToFirst } from "../../src/net/happy_eyeballs.ts";
import { withErrorCode } from "../../src/net/socket_error.ts";
import { assert, assertEquals } from "../support/assert.ts";

type Answer = "silent" | "late" | "open" | string;

/** Connects where each address has its answer: silence, or a code. */
function network(answers: Record<string, Answer>) {
  const started: string[] = [];
  const given: string[] = [];
  const closed: string[] = [];
  const { promise: late, resolve: answer } = Promise.withResolvers<void>();
  return {
    started,
    given,
    closed,
    answer,
    connect: (signal?: AbortSignal) =>
      connectToFirst(Object.keys(answers), {
        async open(address, signal) {
          started.push(address);
          signal.addEventListener("abort", () => given.push(address));
          const answer = answers[address];
          if (answer === "silent") await new Promise(() => {});
          if (answer === "late") await late;
          else if (answer !== "open") {
            throw withErrorCode(new Error(address), answer);
          }
          return address;
        },
        close: (address) => closed.push(address),
      }, signal),
  };
}

it("families take turns, each address in its own", async () => {
  const refuse = "ECONNREFUSED";
  const { connect, started } = network({
    ...{ "1::": refuse, "2::": refuse, "3::": refuse },
    ...{ "192.0.2.1": refuse, "192.0.2.2": "open" },
  });
  assertEquals(await connect(), "192.0.2.2");
  assertEquals(started, ["1::", "192.0.2.1", "2::", "192.0.2.2"]);
});

it("a silent address delays the next, and is given up", async () => {
  const { connect, started, given } = network({
    "192.0.2.1": "silent",
    "192.0.2.2": "ECONNREFUSED",
    "192.0.2.3": "open",
    "192.0.2.4": "open",
  });
  const since = performance.now();
  assertEquals(await connect(), "192.0.2.3");
  const time = performance.now() - since;
  assert(time > 200 && time < 400, `${time} ms`);
  assertEquals(started, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  assert(given.includes("192.0.2.1"));
});

it("one that answers after the first is closed", async () => {
  const network2 = network({ "192.0.2.1": "late", "192.0.2.2": "open" });
  assertEquals(await network2.connect(), "192.0.2.2");
  network2.answer();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(network2.closed, ["192.0.2.1"]);
});

it("the error is the first, and of a peer before that of a route", async () => {
  const codes: [Record<string, Answer>, string][] = [
    [{ "1::": "ENETUNREACH", "192.0.2.1": "ECONNREFUSED" }, "192.0.2.1"],
    [{ "1::": "ETIMEDOUT", "192.0.2.1": "ECONNREFUSED" }, "1::"],
    [{ "1::": "ENETUNREACH", "192.0.2.1": "EHOSTUNREACH" }, "1::"],
  ];
  for (const [answers, expected] of codes) {
    const error = await network(answers).connect().catch((error) => error);
    assertEquals(error.message, expected);
  }
});

it("an abort gives up all of them", async () => {
  const { connect, given } = network({ "192.0.2.1": "silent", "1::": "open" });
  const controller = new AbortController();
  const connecting = connect(controller.signal).catch((error) => error);
  const reason = new Error("Enough");
  controller.abort(reason);
  assertEquals(await connecting, reason);
  assertEquals(given, ["192.0.2.1"]);
  const late = await connect(controller.signal).catch((error) => error);
  assertEquals(late, reason);
});
