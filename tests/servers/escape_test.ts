// Control characters that a peer chose, wherever they become text.
import { inspect } from "node:util";
import { describe, it } from "node:test";
import { connect, formatAddress, serve, SocketError } from "../../mod.ts";
import { escapeControls, escapeJson, escapeLines } from "../../src/escape.ts";
import { socketError, toSocketError } from "../../src/net/socket_error.ts";
import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import { noUnix } from "../support/platform.ts";
import { pathOf } from "../support/transports.ts";

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** C0, DEL and C1; separators of lines and paragraphs; bidi controls. */
const CONTROLS = [
  ...range(0x00, 0x1f),
  ...range(0x7f, 0x9f),
  ...range(0x2028, 0x2029),
  ...[0x061c, 0x200e, 0x200f],
  ...range(0x202a, 0x202e),
  ...range(0x2066, 0x2069),
];
const CONTROL = new RegExp(
  `[${CONTROLS.map((code) => `\\u{${code.toString(16)}}`).join("")}]`,
  "u",
);

/** How a control character is written. */
function escaped(code: number): string {
  const digits = code.toString(16);
  return code > 0xff
    ? `\\u${digits.padStart(4, "0")}`
    : `\\x${digits.padStart(2, "0")}`;
}

describe("every control character is escaped", () => {
  for (const code of CONTROLS) {
    const raw = `a${String.fromCharCode(code)}b`;
    const shown = `a${escaped(code)}b`;
    it(`U+${code.toString(16).padStart(4, "0")}`, () => {
      assertEquals(escapeControls(raw), shown);
      assertEquals(escapeLines(raw), code === 0x0a ? raw : shown);
      assertEquals(
        formatAddress({ transport: "unix", path: raw }),
        `unix:${shown}`,
      );
      assertEquals(
        formatAddress({ transport: "tcp", hostname: raw, port: 1 }),
        `${shown}:1`,
      );
      const cause = new Error(raw, { cause: new Error(raw) });
      const error = socketError(
        "EPROTO",
        { syscall: "connect", words: raw },
        cause,
        raw,
      );
      assertEquals(error.message, `Cannot ${shown} (EPROTO): ${shown}`);
      assert(error.cause === cause);
      const native = toSocketError(
        Object.assign(new Error(raw), { code: "EPROTO" }),
        { syscall: "bind" },
      );
      assert(native.message.startsWith("Cannot bind (EPROTO): TLS failed"));
      for (const printed of [inspect(error), inspect(native)]) {
        const line = CONTROL.exec(printed.replaceAll("\n", ""));
        assertEquals(line, null, printed);
      }
      const json = escapeJson(JSON.stringify([raw]));
      assertEquals(JSON.parse(json), [raw]);
      assert(!CONTROL.test(json), json);
    });
  }
});

it("other characters are not", () => {
  const plain = "/run/Grüße 日本 🙂 \\x1b \u200b";
  for (const escape of [escapeControls, escapeLines, escapeJson]) {
    assertEquals(escape(plain), plain);
  }
  const unix = (path: string) => formatAddress({ transport: "unix", path });
  assertEquals(unix(plain), `unix:${plain}`);
  assertEquals(unix("\0name"), "unix:@name");
});

it("a hostname in a message is escaped", async () => {
  const error = await assertRejects(
    () => connect({ hostname: "no\x1b[2Jsuch\u202ehost.invalid", port: 1 }),
    SocketError,
  );
  assert(error.message.includes("no\\x1b[2Jsuch\\u202ehost"), error.message);
  assert(!CONTROL.test(error.message), error.message);
});

it("the path in a PROXY header is escaped", { skip: noUnix() }, async () => {
  const path = pathOf();
  const names: string[] = [];
  await using _server = await serve(
    { transport: "unix", path, proxyProtocol: true },
    async (conn) => {
      names.push(formatAddress(conn.remoteAddr));
      await conn.send("served");
    },
  );
  await using conn = await connect({ transport: "unix", path });
  const header = new Uint8Array(16 + 216);
  header.set([0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49]);
  header.set([0x54, 0x0a, 0x21, 0x31, 0, 216], 10);
  const chosen = "/a\n127.0.0.1:22 logged in\x1b]0;title\x07\u202e";
  header.set(new TextEncoder().encode(chosen), 16);
  await conn.send(header);
  assertEquals(text(await recvAll(conn)), "served");
  assertEquals(names, [
    "unix:/a\\x0a127.0.0.1:22 logged in\\x1b]0;title\\x07\\u202e",
  ]);
});
