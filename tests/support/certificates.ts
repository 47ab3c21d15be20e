// Certificates for the tests, made by `openssl` once a day: it takes a second,
// which every file that is tested would pay again.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A certificate and its key, PEM. */
export interface Identity {
  cert: string;
  key: string;
}

export interface Certificates {
  /** The authority that signed the others; its files, for other programs. */
  ca: string;
  caFile: string;
  caKeyFile: string;
  /** For localhost, 127.0.0.1 and ::1; its files. */
  server: Identity;
  certFile: string;
  keyFile: string;
  /** The same, but expired. */
  expired: Identity;
  /** The same, but not valid yet. */
  early: Identity;
  /** For `stranger.invalid`; its files. */
  stranger: Identity;
  strangerCertFile: string;
  strangerKeyFile: string;
  /** Of the other authority, for the same names as `server`. */
  foreign: Identity;
  /** Signed by itself. */
  selfSigned: Identity;
  /** For servers only, by its extended key usage. */
  serverOnly: Identity;
  /** An authority that signed none of them. */
  otherCa: string;
}

const NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1";

function make(folder: string): void {
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: folder });
    if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
  };
  const key = [
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
  ];
  const authority = (name: string) =>
    openssl(
      ...["req", "-x509", ...key, "-subj", `/CN=${name}`, "-days", "3"],
      ...["-keyout", `${name}.key`, "-out", `${name}.pem`],
    );
  const identity = (
    name: string,
    names: string,
    days: number,
    { ca = "ca", usage = "" } = {},
  ) => {
    openssl(
      ...["req", "-new", ...key, "-subj", `/CN=${name}`],
      ...["-keyout", `${name}.key`, "-out", `${name}.csr`],
    );
    const extensions = `subjectAltName=${names}\n${usage}`;
    writeFileSync(join(folder, `${name}.ext`), extensions);
    openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-extfile", `${name}.ext`],
      ...["-CA", `${ca}.pem`, "-CAkey", `${ca}.key`, "-CAcreateserial"],
      ...["-out", `${name}.pem`, "-days", `${days}`],
    );
  };
  authority("ca");
  authority("other");
  identity("server", NAMES, 3);
  // It ends a day before it starts.
  identity("expired", NAMES, -1);
  identity("stranger", "DNS:stranger.invalid", 3);
  identity("foreign", NAMES, 3, { ca: "other" });
  const usage = "extendedKeyUsage=serverAuth\n";
  identity("server_only", NAMES, 3, { usage });
  early(openssl, folder);
}

/** Only `openssl ca` makes a certificate that is not valid yet. */
function early(openssl: (...args: string[]) => void, folder: string): void {
  writeFileSync(
    join(folder, "ca.cnf"),
    "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nnew_certs_dir=.\n" +
      "serial=early.srl\ndefault_md=sha256\npolicy=any\n" +
      "[any]\ncommonName=supplied\n",
  );
  writeFileSync(join(folder, "index.txt"), "");
  writeFileSync(join(folder, "early.srl"), "1000\n");
  openssl(
    ...["ca", "-batch", "-notext", "-config", "ca.cnf"],
    ...["-cert", "ca.pem", "-keyfile", "ca.key", "-in", "server.csr"],
    ...["-startdate", "20700101000000Z", "-enddate", "20710101000000Z"],
    ...["-extfile", "server.ext", "-out", "early.pem"],
  );
}

/** The folder of today's certificates, which other runs may share. */
function today(): string {
  const prefix = `parley-identities-${process.getuid?.() ?? 0}-`;
  const shared = join(tmpdir(), prefix + new Date().toISOString().slice(0, 10));
  if (!existsSync(shared)) {
    const folder = mkdtempSync(join(tmpdir(), "parley-"));
    make(folder);
    try {
      renameSync(folder, shared);
    } catch (error) {
      // Another process was faster.
      rmSync(folder, { recursive: true });
      if (!existsSync(shared)) throw error;
    }
    removeOld(prefix);
  }
  // In a shared folder for temporary files another user may have made it.
  const { uid, mode } = lstatSync(shared);
  const own = process.getuid === undefined ||
    uid === process.getuid() && (mode & 0o077) === 0;
  if (!own) throw new Error(`${shared} is not ours`);
  return shared;
}

function removeOld(prefix: string): void {
  const recent = Date.now() - 2 * 24 * 3600 * 1000;
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    if (Date.parse(name.slice(prefix.length)) > recent) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function load(folder: string): Certificates {
  const file = (name: string) => join(folder, name);
  const read = (name: string) => readFileSync(file(name), "utf8");
  const identity = (name: string): Identity => ({
    cert: read(`${name}.pem`),
    key: read(`${name}.key`),
  });
  return {
    ca: read("ca.pem"),
    caFile: file("ca.pem"),
    caKeyFile: file("ca.key"),
    server: identity("server"),
    certFile: file("server.pem"),
    keyFile: file("server.key"),
    expired: identity("expired"),
    early: { ...identity("server"), cert: read("early.pem") },
    stranger: identity("stranger"),
    strangerCertFile: file("stranger.pem"),
    strangerKeyFile: file("stranger.key"),
    foreign: identity("foreign"),
    selfSigned: identity("other"),
    serverOnly: identity("server_only"),
    otherCa: read("other.pem"),
  };
}

/** Undefined where there is no `openssl`. */
export const certificates: Certificates | undefined =
  spawnSync("openssl", ["version"]).status === 0 ? load(today()) : undefined;
