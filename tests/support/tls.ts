// What the tests of TLS share.
import { writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { it } from "node:test";
import {
  connect,
  type Connection,
  type Listener,
  type NetAddress,
  type TlsConnectOptions,
} from "../../mod.ts";
import {
  type Certificates,
  certificates,
  type Identity,
} from "./certificates.ts";
import { folder } from "./folder.ts";

/** A test that needs certificates; transports.ts says so where there are none. */
export function testTls(
  behaviour: string,
  test: (made: Certificates) => Promise<void>,
): void {
  const made = certificates;
  if (made === undefined) it(behaviour, { skip: "No openssl" }, () => {});
  else it(behaviour, { timeout: 30_000 }, () => test(made));
}

/** Both ends of a connection. */
export async function join(
  listener: Listener<NetAddress>,
  tls: TlsConnectOptions,
): Promise<[client: Connection, server: Connection]> {
  const { port } = listener.addr;
  return await Promise.all([connect({ port, tls }), listener.accept()]);
}

let files = 0;

/** Writes a certificate and its key into one file, for other programs. */
export function identityFile({ cert, key }: Identity): string {
  const file = joinPath(folder, `identity${++files}.pem`);
  writeFileSync(file, `${cert}\n${key}`);
  return file;
}

/** Returns a certificate, DER, as PEM has it. */
export function toPem(der: Uint8Array): string {
  const text = btoa(String.fromCharCode(...der));
  const lines = text.replace(/.{64}(?!$)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----`;
}
