import process from "node:process";

/** Prints lines; on a terminal, below them, one that is ever written anew. */
export interface Screen {
  print(line: string): void;
  /** What the last line says, until the next one is printed. */
  status(text: string): void;
  erase(): void;
}

/** Standard output: a terminal has a last line, a pipe or a file has not. */
export function screen(): Screen {
  const { stdout } = process;
  let shown = false;
  // One column less: a full line would go on in the next.
  const width = () => (stdout.columns || 80) - 1;
  // The cursor goes back: a terminal writes ^C where it stands.
  const write = (text: string) =>
    stdout.write(`\r${text.slice(0, width()).padEnd(width())}\r`);
  const erase = () => {
    if (shown) write("");
    shown = false;
  };
  return {
    print(line) {
      erase();
      stdout.write(`${line}\n`);
    },
    status(text) {
      if (!stdout.isTTY) return;
      shown = true;
      write(text);
    },
    erase,
  };
}
