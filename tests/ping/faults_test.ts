// The faults that `ping` finds in echo servers.
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { portIn } from "../support/cli.ts";
import { options } from "../support/examples.ts";
import {
  assertIntact,
  type Document,
  pingHere,
  targetIn,
} from "../support/ping.ts";
import { notLinux } from "../support/platform.ts";
import { python, start } from "../support/programs.ts";

/** An echo server for one connection, with faults in three places. */
const stream = (fault: Fault) =>
  python(
    `
import time
server = socket.create_server(("127.0.0.1", 0))
print("listening on 127.0.0.1:%d" % server.getsockname()[1], flush=True)
conn, _ = server.accept()
conn.settimeout(None)
size = int(args[0])
def reset():
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()
    sys.exit()
def xor(data, at, mask=1):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]
n = 0
last = b""
${fault.before ?? ""}
while d := conn.recv(size, socket.MSG_WAITALL):
    n += 1
    got = d
${indented(fault.on ?? "pass")}
    last = got
    conn.sendall(d)
${fault.after ?? ""}
conn.close()
`,
    fault.size ?? 56,
  );

/** An echo server for datagrams; `out` is the list of replies. */
const datagrams = (fault: Fault) =>
  python(`
import time
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("listening on udp 127.0.0.1:%d" % server.getsockname()[1], flush=True)
server.settimeout(None)
def xor(data, at, mask=1):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]
def flipped(data):
    return bytes(255 - byte for byte in data)
n = 0
first = b""
while True:
    d, peer = server.recvfrom(65536)
    n += 1
    first = first or d
    out = [d]
${indented(fault.on ?? "pass")}
    for reply in out:
        server.sendto(reply, peer)
`);

function indented(code: string): string {
  return code.replace(/^/gm, "    ");
}

interface Fault {
  /** Python code before the first message, for each one, and at the end. */
  before?: string;
  on?: string;
  after?: string;
  /**
   * Bytes of a message.
   *
   * @default 56
   */
  size?: number;
  /** Arguments of `ping` beside those that send four messages. */
  args?: string[];
  /** Expected members of the document. */
  expected: Partial<Document>;
  /** Expected faults: kind, message and byte. */
  faults?: string[];
  /** Expected text in the document. */
  text?: string;
}

const streams: Record<string, Fault> = {
  "corrupts a byte": {
    on: "if n == 3: d = xor(d, 17)",
    expected: { corrupt: 1, received: 3 },
    faults: ["corrupt 3 17"],
    text: "seq=3 corrupt at byte 17: 0x",
  },
  "corrupts the last byte of all": {
    on: "d = xor(d, 55, 0x80)",
    expected: { corrupt: 4, received: 0 },
    faults: [1, 2, 3, 4].map((seq) => `corrupt ${seq} 55`),
  },
  "corrupts a byte of 300,000": {
    size: 300_000,
    on: "if n == 2: d = xor(d, 234567)",
    expected: { corrupt: 1, received: 3 },
    faults: ["corrupt 2 234567"],
  },
  "corrupts messages of one byte": {
    size: 1,
    on: "if n == 2: d = xor(d, 0)",
    expected: { corrupt: 1, received: 3 },
    faults: ["corrupt 2 0"],
    text: "seq=2 corrupt at byte 0: 0x03, not 0x02",
  },
  "leaves out bytes": {
    on: "if n == 2: d = d[:20] + d[30:]",
    expected: { corrupt: 1, received: 3, missingBytes: 10 },
    faults: ["corrupt 2 20"],
    text: "46 bytes from",
  },
  "truncates a message": {
    on: "if n == 2: d = d[:46]",
    expected: { corrupt: 1, received: 3, missingBytes: 10 },
    faults: ["truncated 2 46"],
    text: "seq=2 truncated at byte 46: 10 bytes missing",
  },
  "truncates a message by one byte": {
    on: "if n == 2: d = d[:55]",
    expected: { corrupt: 1, received: 3, missingBytes: 1 },
    faults: ["truncated 2 55"],
    text: "1 byte missing",
  },
  "truncates the last message": {
    on: "if n == 4: d = d[:46]",
    args: ["-W", "0.5"],
    expected: { lost: 1, received: 3, missingBytes: 10 },
    faults: ["lost 4 -", "truncated 4 46"],
    text: "seq=4 lost: only 46 bytes in 0.5 s",
  },
  "leaves out a message": {
    on: "if n == 2: continue",
    expected: { lost: 1, received: 3, missingBytes: 56 },
    faults: ["lost 2 -"],
    text: "seq=2 lost: its bytes are missing",
  },
  "leaves out two messages": {
    on: "if n in (2, 3): continue",
    expected: { lost: 2, received: 2, missingBytes: 112 },
    faults: ["lost 2 -", "lost 3 -"],
  },
  "inserts bytes": {
    on: 'if n == 2: d = d[:20] + bytes([d[20] ^ 1]) + b"yz" + d[20:]',
    expected: { corrupt: 1, received: 3, extraBytes: 3 },
    faults: ["corrupt 2 20"],
    text: "seq=2 corrupt at byte 20: 3 bytes too many",
  },
  "appends bytes": {
    on: 'if n == 2: d += b"xyz"',
    expected: { received: 4, unexpected: 1, extraBytes: 3 },
    faults: ["unexpected - -"],
    text: "3 bytes from",
  },
  "greets": {
    before: 'conn.sendall(b"Welcome\\n")',
    expected: { received: 4, unexpected: 1, extraBytes: 8 },
    faults: ["unexpected - -"],
    text: "more than was sent",
  },
  "says goodbye": {
    after: 'conn.sendall(b"Bye\\n")',
    expected: { received: 4, unexpected: 1, extraBytes: 4 },
    faults: ["unexpected - -"],
  },
  "repeats a message": {
    on: "if n == 2: d += d",
    expected: { received: 4, duplicates: 1, extraBytes: 56 },
    faults: ["duplicate 2 -"],
    text: "seq=2 duplicate",
  },
  "repeats the last message": {
    on: "if n == 4: d += d",
    expected: { received: 4, duplicates: 1, extraBytes: 56 },
    faults: ["duplicate 4 -"],
  },
  "repeats a part of a message": {
    on: "if n == 2: d = d[:30] + d[10:]",
    expected: { corrupt: 1, received: 3, extraBytes: 20 },
    faults: ["corrupt 2 30"],
  },
  "answers with the message before": {
    on: "d = last or d",
    expected: { received: 1, lost: 3, duplicates: 1 },
    args: ["-i", "0.4", "-W", "0.2"],
  },
  "sends zeros": {
    on: "d = bytes(len(d))",
    expected: { corrupt: 4, received: 0 },
    faults: [1, 2, 3, 4].map((seq) => `corrupt ${seq} 0`),
  },
  "answers late": {
    on: "if n == 1: time.sleep(1)",
    args: ["-W", "0.4", "-i", "1.3", "-c", "2"],
    expected: { sent: 2, received: 1, lost: 1, late: 1 },
    faults: ["lost 1 -", "late 1 -"],
    text: "seq=1 lost: no reply in 0.4 s",
  },
  "never answers": {
    on: "continue",
    args: ["-W", "0.3"],
    expected: { received: 0, lost: 4, missingBytes: 224, lossPercent: 100 },
    faults: [1, 2, 3, 4].map((seq) => `lost ${seq} -`),
  },
  "never reads": {
    size: 60_000_000,
    before: "threading.Event().wait()",
    args: ["-W", "0.5"],
    expected: { sent: 1, lost: 1 },
    faults: ["lost 1 -"],
  },
  "never ends": {
    after: "threading.Event().wait()",
    args: ["-W", "0.5"],
    expected: { received: 4 },
    faults: ["end - -"],
    text: "did not end",
  },
  "ends at once": {
    before: "conn.close(); sys.exit()",
    expected: { received: 0, lossPercent: 100 },
  },
  "ends early": {
    on: "if n == 3: break",
    args: ["-i", "0"],
    expected: { sent: 3, received: 2, lost: 1, missingBytes: 56 },
    faults: ["end - -", "lost 3 -"],
    text: "ended the connection before we did",
  },
  "ends early, in a message": {
    on: "if n == 3: conn.sendall(d[:30]); break",
    args: ["-i", "0"],
    expected: { sent: 3, received: 2, corrupt: 1, missingBytes: 26 },
    faults: ["end - -", "truncated 3 30"],
  },
  "ends early, having answered all": {
    on: "if n == 4: conn.sendall(d); break",
    args: ["-c", "5"],
    expected: { received: 4 },
  },
  "resets in the middle": {
    on: "if n == 3: conn.sendall(d[:30]); reset()",
    args: ["-i", "0"],
    expected: { sent: 3, received: 2 },
    text: '"code":"ECONNRESET"',
  },
  "resets at the end": {
    after: "reset()",
    expected: { received: 4, lost: 0 },
    faults: [],
    text: '"code":"ECONNRESET"',
  },
};

const udp: Record<string, Fault> = {
  "corrupts a byte": {
    on: "if n == 3: out = [xor(d, 17)]",
    expected: { corrupt: 1, received: 3 },
    faults: ["corrupt 3 17"],
    text: "seq=3 corrupt at byte 17: 0x",
  },
  "corrupts the number": {
    on: "out = [xor(d, 0)]",
    expected: { corrupt: 4, received: 0 },
    faults: [1, 2, 3, 4].map((seq) => `corrupt ${seq} 0`),
  },
  "corrupts every byte": {
    on: "if n == 2: out = [flipped(d)]",
    args: ["-W", "0.4"],
    expected: { corrupt: 1, received: 3 },
    faults: ["corrupt 2 0"],
  },
  "truncates": {
    on: "if n == 2: out = [d[:46]]",
    expected: { corrupt: 1, received: 3 },
    faults: ["truncated 2 46"],
    text: "46 bytes from",
  },
  "truncates to five bytes": {
    on: "if n == 2: out = [d[:5]]",
    expected: { corrupt: 1, received: 3 },
    faults: ["truncated 2 5"],
  },
  "truncates to nothing": {
    on: 'if n == 2: out = [b""]',
    args: ["-W", "0.4"],
    expected: { corrupt: 1, received: 3 },
    faults: ["truncated 2 0"],
  },
  "leaves out bytes": {
    on: "if n == 2: out = [d[:20] + d[30:]]",
    expected: { corrupt: 1, received: 3 },
    faults: ["corrupt 2 20"],
    text: "10 bytes missing",
  },
  "appends bytes": {
    on: 'if n == 2: out = [d + b"xyz"]',
    expected: { corrupt: 1, received: 3 },
    faults: ["corrupt 2 56"],
    text: "3 bytes too many",
  },
  "puts bytes before": {
    on: 'if n == 2: out = [b"xyz" + d]',
    expected: { corrupt: 1, received: 3 },
    faults: ["corrupt 2 0"],
    text: "3 bytes too many",
  },
  "drops a datagram": {
    on: "if n == 2: out = []",
    args: ["-W", "0.4"],
    expected: { lost: 1, received: 3, lossPercent: 25 },
    faults: ["lost 2 -"],
    text: "seq=2 lost: no reply in 0.4 s",
  },
  "never answers": {
    on: "out = []",
    args: ["-W", "0.2"],
    expected: { lost: 4, received: 0, lossPercent: 100, rtt: null },
    faults: [1, 2, 3, 4].map((seq) => `lost ${seq} -`),
  },
  "answers twice": {
    on: "if n == 2: out = [d, d]",
    expected: { received: 4, duplicates: 1 },
    faults: ["duplicate 2 -"],
    text: "seq=2 duplicate",
  },
  "answers the last one twice": {
    on: "if n == 4: out = [d, d]",
    expected: { received: 4, duplicates: 1 },
    faults: ["duplicate 4 -"],
  },
  "answers always with the first": {
    on: "out = [first]",
    args: ["-W", "0.2"],
    expected: { received: 1, duplicates: 3, lost: 3 },
  },
  "answers late": {
    on: "if n == 1: time.sleep(1)",
    args: ["-W", "0.4", "-i", "1.3", "-c", "2"],
    expected: { sent: 2, received: 1, lost: 1, late: 1 },
    faults: ["lost 1 -", "late 1 -"],
    text: "ms, late",
  },
  "says more than it was asked": {
    on: 'if n == 2: out = [b"junk", d]',
    expected: { received: 4, unexpected: 1, extraBytes: 4 },
    faults: ["unexpected - -"],
    text: "no reply to anything",
  },
  "answers from another port": {
    on: "other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n" +
      'if n == 2: out = []; other.bind(("127.0.0.1", 0)); other.sendto(d, peer)',
    args: ["-W", "0.4"],
    expected: { received: 3, lost: 1, unexpected: 1 },
    faults: ["unexpected - -", "lost 2 -"],
    text: "not who was asked",
  },
};

function formatFaults({ faults }: Document): string[] {
  return faults.map(({ kind, seq = "-", byte = "-" }) =>
    `${kind} ${seq} ${byte}`
  );
}

async function assertFinds(
  server: string[],
  { size = 56, args = [], expected, faults, text = "" }: Fault,
): Promise<void> {
  await using running = start(server);
  const target = targetIn(await running.line());
  const four = ["-c", "4", "-i", "0.05", "-s", `${size}`];
  const document = await pingHere(...target, ...four, ...args);
  const all = JSON.stringify(document);
  assertEquals(document.ok, false, all);
  assertEquals({ ...document, ...expected }, document, all);
  if (faults) assertEquals(formatFaults(document), faults, all);
  assert(all.includes(text), all);
}

const kinds = [
  ["a stream", streams, stream],
  ["a UDP", udp, datagrams],
] as const;

for (const [kind, servers, serverOf] of kinds) {
  // They wait most of the time. Deno and Bun run them one by one all the same.
  describe(`ping finds ${kind} server that`, { concurrency: 3 }, () => {
    for (const [name, fault] of Object.entries(servers)) {
      it(name, options, () => assertFinds(serverOf(fault), fault));
    }
  });
}

it("ping accepts a server that swaps datagrams", options, async () => {
  const on = "if n == 1: held = d; continue\nif n == 2: out = [d, held]";
  await using server = start(datagrams({ on, expected: {} }));
  const target = targetIn(await server.line());
  const document = await pingHere(...target, "-c", "4", "-i", "0.05");
  assertIntact(document, 4);
  assertEquals(document.reordered, 1);
});

/** A full listen queue: the kernel does not answer further connects. */
const FULL = `
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
waiting = [socket.socket() for _ in range(4)]
for client in waiting:
    client.setblocking(False)
    client.connect_ex(listener.getsockname())
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
`;

it("ping gives up a server that never answers", {
  timeout: 20_000,
  skip: notLinux(),
}, async () => {
  await using server = start(python(FULL));
  const target = `127.0.0.1:${await portIn(server)}`;
  const { error, sent } = await pingHere(target, "-W1");
  assertEquals(error?.message, `No connection to ${target} in 1 s`);
  assertEquals(sent, 0);
});
