// The output of `ping` on a terminal.
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { parley } from "../support/cli.ts";
import { targetIn } from "../support/ping.ts";
import { options } from "../support/examples.ts";
import { bun, output, python, runtimes, start } from "../support/programs.ts";

/**
 * Runs a program on a terminal. Each step waits for a word, in the output since
 * the step before, and then resizes the terminal or types a text.
 */
const TERMINAL = `
import fcntl, json, os, pty, termios
columns, steps, *command = args
def resize(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
steps = json.loads(steps)
pid, fd = pty.fork()
if pid == 0:
    resize(0, int(columns))
    os.execvp(command[0], command)
seen = [[int(columns), ""]]
since = ""
while True:
    try:
        data = os.read(fd, 65536).decode()
    except OSError: # The other end is closed, on Linux.
        break
    if not data:
        break
    seen[-1][1] += data
    since += data
    if steps and steps[0][0] in since:
        since = ""
        action = steps.pop(0)[1]
        if isinstance(action, int):
            resize(fd, action)
            seen.append([action, ""])
        else:
            os.write(fd, action.encode())
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps([seen, status]))
`;

/** A word to wait for, and the columns or the text that follow it. */
type Step = [word: string, action: number | string];

const CTRL_C = "\x03";

/** What a program wrote while its terminal had so many columns. */
type Written = [columns: number, text: string];

async function onTerminal(
  columns: number,
  steps: Step[],
  command: string[],
): Promise<{ written: Written[]; text: string; status: number }> {
  const [seen, status]: [Written[], number] = JSON.parse(
    await output(
      python(TERMINAL, columns, JSON.stringify(steps), ...command),
    ),
  );
  // `deno run` clears a progress bar that it never printed.
  const written = seen.map(([columns, text]): Written => [
    columns,
    text.replaceAll("\x1b[0G\x1b[2K\x1b[J", ""),
  ]);
  const text = written.map(([, text]) => text).join("");
  return { written, text, status };
}

/**
 * Renders the lines that the screen shows at the end, as a terminal that wraps
 * those that are too long, and wraps them anew when it is resized.
 */
function renderScreen(written: Written[]): string[] {
  const lines: string[][] = [[]];
  let line = 0;
  let column = 0;
  let isWrapping = true;
  for (const [columns, text] of written) {
    // deno-lint-ignore no-control-regex
    for (const part of text.split(/(\r|\n|\x1b\[J|\x1b\[\?7[lh])/)) {
      const row = column - column % columns;
      if (part === "\r") column = row;
      else if (part === "\x1b[J") {
        lines.length = line + 1;
        lines[line].length = column;
      } else if (part.startsWith("\x1b[?7")) {
        isWrapping = part.endsWith("h");
      } else if (part !== "\n") {
        for (const character of part) {
          lines[line][column++] = character;
          if (!isWrapping) column = Math.min(column, row + columns - 1);
        }
      } else if (row + columns < lines[line].length) column = row + columns;
      else {
        column = 0;
        lines[++line] ??= [];
      }
    }
  }
  return lines.map((line) =>
    Array.from(line, (at) => at ?? " ").join("").trimEnd()
  );
}

const REPLY = /^56 bytes from \S+: seq=(\d+) time=[\d.]+ ms$/;

for (const runtime of runtimes) {
  describe(`ping on ${runtime.name}, on a terminal`, () => {
    const ping = (...args: string[]) => parley(runtime, "ping", ...args);

    it("erases its status line", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const command = ping(target, "-c3", "-i", "0.05");
      const { written, text, status } = await onTerminal(100, [], command);
      assertEquals(status, 0, text);
      assert(text.includes("\r2 sent, 1 received, 1 waiting"), text);
      const [title, ...lines] = renderScreen(written);
      assert(title.startsWith(`PING ${target} `), title);
      assertEquals(lines.length, 7, lines.join("\n"));
      assertEquals(
        lines.slice(0, 3).map((line) => REPLY.exec(line)?.[1]),
        ["1", "2", "3"],
      );
      assertEquals(lines[3], `--- ${target} ping statistics ---`);
      assert(lines[4].startsWith("3 sent, 3 received, 0% loss"), lines[4]);
      assert(lines[5].startsWith("rtt min/avg/max/p99 = "), lines[5]);
      assertEquals(lines[6], "");
    });

    it("cuts the status line to the width", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const command = ping(target, "-c2", "-i", "0");
      const { text } = await onTerminal(30, [], command);
      const statusLines = text.replaceAll("\x1b[J", "").split(/[\r\n]/)
        .filter((part) => /^\d+ sent, .* waiting/.test(part));
      const longest = Math.max(...statusLines.map(({ length }) => length));
      assertEquals(longest, 29, text);
    });

    it("Ctrl+C ends it with the summary", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const command = ping(target, "-i", "0.05");
      const steps: Step[] = [["seq=3", CTRL_C]];
      const { written, text, status } = await onTerminal(100, steps, command);
      assertEquals(status, 0, text);
      const [title, ...lines] = renderScreen(written);
      assert(title.startsWith(`PING ${target} `), title);
      const end = lines.indexOf(`--- ${target} ping statistics ---`);
      assert(end >= 3, lines.join("\n"));
      lines.slice(0, end).forEach((line, i) =>
        assertEquals(REPLY.exec(line)?.[1], `${i + 1}`, line)
      );
      assert(lines[end + 1].includes(" 0% loss"), lines[end + 1]);
    });

    it("--json prints nothing but the document", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const command = ping(target, "-c2", "-i", "0", "--json");
      const { text } = await onTerminal(80, [], command);
      assertEquals(JSON.parse(text).received, 2);
    });

    it("leaves nothing of it when the terminal shrinks", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const command = ping(target, "-i", "0.05");
      // The columns, then some replies, then fewer columns again.
      const steps: Step[] = [
        ["seq=2", 50],
        ["seq=4", 20],
        ["seq=6", 90],
        ["seq=8", CTRL_C],
      ];
      const { written, text, status } = await onTerminal(100, steps, command);
      assertEquals(status, 0, text);
      const [title, ...lines] = renderScreen(written);
      assert(title.startsWith(`PING ${target} `), title);
      const end = lines.indexOf(`--- ${target} ping statistics ---`);
      assert(end >= 8, lines.join("\n"));
      lines.slice(0, end).forEach((line, i) =>
        assertEquals(REPLY.exec(line)?.[1], `${i + 1}`, lines.join("\n"))
      );
      assertEquals(lines.slice(end + 3), [""], lines.join("\n"));
    });

    it("cuts the status line anew at once", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const cut = "\r1 sent, 1 received,\x1b";
      const steps: Step[] = [["1 received", 20], [cut, CTRL_C]];
      const command = ping(target, "-i", "3600");
      const { written, text, status } = await onTerminal(90, steps, command);
      assertEquals(status, 0, text);
      assertEquals(renderScreen(written).length, 6, text);
    });
  });
}
