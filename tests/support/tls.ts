// What the tests of TLS share.
import { it } from "node:test";
import { type Certificates, certificates } from "./certificates.ts";

/** A test that needs certificates; transports.ts says so where there are none. */
export function testTls(
  behaviour: string,
  test: (made: Certificates) => Promise<void>,
): void {
  const made = certificates;
  if (made === undefined) it(behaviour, { skip: "No openssl" }, () => {});
  else it(behaviour, { timeout: 30_000 }, () => test(made));
}
