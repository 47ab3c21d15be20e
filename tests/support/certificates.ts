// Certificates for one run of the tests, by `openssl`.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate and its key, PEM. */
export interface Identity {
  cert: string;
  key: string;
}

export interface Certificates {
  /** The authority that signed the others; its file, for other programs. */
  ca: string;
  caFile: string;
  /** For localhost, 127.0.0.1 and ::1; its files. */
  server: Identity;
  certFile: string;
  keyFile: string;
  /** The same, but over. */
  expired: Identity;
  /** For a name that is nobody's. */
  stranger: Identity;
  /** An authority that signed none of them. */
  otherCa: string;
}

/** Makes them in a folder; nothing where there is no `openssl`. */
export function makeCertificates(folder: string): Certificates | undefined {
  const file = (name: string) => join(folder, name);
  const read = (name: string) => readFileSync(file(name), "utf8");
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: folder });
    if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
  };
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
  ];
  const authority = (name: string) =>
    openssl(
      ...["req", "-x509", ...key, "-subj", `/CN=${name}`, "-days", "2"],
      ...["-keyout", `${name}.key`, "-out", `${name}.pem`],
    );
  const identity = (name: string, names: string, ...dates: string[]) => {
    openssl(
      ...["req", "-new", ...key, "-subj", `/CN=${name}`],
      ...["-keyout", `${name}.key`, "-out", `${name}.csr`],
    );
    writeFileSync(file(`${name}.ext`), `subjectAltName=${names}\n`);
    openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-extfile", `${name}.ext`],
      ...["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-out", `${name}.pem`, ...dates],
    );
    return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
  };

  if (spawnSync("openssl", ["version"]).status !== 0) return undefined;
  authority("ca");
  authority("other");
  const names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  return {
    ca: read("ca.pem"),
    caFile: file("ca.pem"),
    server: identity("server", names, "-days", "2"),
    certFile: file("server.pem"),
    keyFile: file("server.key"),
    // A life that ended before it began.
    expired: identity("expired", names, "-days", "-1"),
    stranger: identity("stranger", "DNS:nobody.invalid", "-days", "2"),
    otherCa: read("other.pem"),
  };
}
