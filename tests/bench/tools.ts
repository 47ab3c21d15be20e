/** What is made for a run, a compiled server say, lives in here until its end. */
export const scratch = Deno.makeTempDirSync({ prefix: "bench-" });

/** The compilers in use; both take the same options for what is needed. */
export type Compiler = "go" | "cc";

const builds = new Map<string, Promise<string>>();

/** Compiles a server once; returns the program. */
export function compile(compiler: Compiler, source: string): Promise<string> {
  let build = builds.get(source);
  if (build === undefined) builds.set(source, build = make(compiler, source));
  return build;
}

async function make(compiler: Compiler, source: string): Promise<string> {
  const program = `${scratch}/echo-${compiler}`;
  const how = compiler === "go" ? ["build"] : ["-O2"];
  await output(compiler, ...how, "-o", program, source);
  return program;
}

const interpreters = ["python3", "/usr/bin/python3"];
let withUvloop: Promise<string | undefined> | undefined;

/** A Python, where there is one with uvloop that one: both numbers are its. */
export async function python(module?: string): Promise<string> {
  const found = await (withUvloop ??= findUvloop());
  if (found === undefined && module !== undefined) {
    throw new Error(`no python3 has ${module}`);
  }
  return found ?? interpreters[0];
}

async function findUvloop(): Promise<string | undefined> {
  for (const interpreter of interpreters) {
    try {
      await output(interpreter, "-c", "import uvloop");
      return interpreter;
    } catch {
      // The next one may have it.
    }
  }
}

let certificate: Promise<{ cert: string; key: string }> | undefined;

/** A certificate for 127.0.0.1, made for this run. */
export function makeCertificate(): Promise<{ cert: string; key: string }> {
  return certificate ??= (async () => {
    const [cert, key] = [`${scratch}/cert.pem`, `${scratch}/key.pem`];
    const subject = "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1";
    const type = "-x509 -nodes -days 2 -newkey ec -pkeyopt";
    await output(
      "openssl",
      "req",
      ...`${type} ec_paramgen_curve:P-256 ${subject}`.split(" "),
      ...["-keyout", key, "-out", cert],
    );
    const read = Deno.readTextFile;
    return { cert: await read(cert), key: await read(key) };
  })();
}

/** Runs a command to its end; returns what it printed. */
export async function output(
  command: string,
  ...args: string[]
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args })
    .output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${command}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout).trim();
}
