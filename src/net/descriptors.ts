import type { NativeError } from "./socket_error.ts";

/** Whether no descriptor is left: another call that needs one reports it. */
export async function isOutOfDescriptors(): Promise<boolean> {
  const { open } = await import("node:fs/promises");
  try {
    await (await open("/dev/null")).close();
    return false;
  } catch (error) {
    // Any other error, as where there is no such file, means nothing here.
    return (error as NativeError).code === "EMFILE";
  }
}
