import { rejectOnAbort } from "./abort.ts";
import { familyOf } from "./resolve.ts";

/** Milliseconds that an attempt is alone before the next starts (RFC 8305). */
const ATTEMPT_DELAY = 250;

/** Codes of this machine's routes, which say least about the peer. */
const NO_ROUTE = ["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL"];

/** Opens and closes one connection. */
interface Attempts<Socket> {
  /** Connects to one address, and gives up when the signal aborts. */
  open(address: string, signal: AbortSignal): Promise<Socket>;
  /** Closes a connection that came too late. */
  close(socket: Socket): void;
}

/**
 * Connects to the addresses of a name, one after the other: the next after a
 * failure, or beside one that is silent. The first that answers wins, and the
 * others are given up.
 *
 * Rejects with the first error, but with that of a peer before that of a route.
 */
export function connectToFirst<Socket>(
  addresses: readonly string[],
  { open, close }: Attempts<Socket>,
  signal?: AbortSignal,
): Promise<Socket> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const order = alternate(addresses);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const controller = new AbortController();
  const errors: unknown[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let started = 0;

  const finish = (settle: () => void) => {
    clearTimeout(timer);
    settle();
    controller.abort();
  };
  const start = () => {
    clearTimeout(timer);
    if (started === order.length) return;
    const address = order[started++];
    timer = setTimeout(start, ATTEMPT_DELAY);
    open(address, controller.signal).then((socket) => {
      if (controller.signal.aborted) close(socket);
      else finish(() => resolve(socket));
    }, (error) => {
      if (controller.signal.aborted) return;
      errors.push(error);
      if (errors.length < order.length) start();
      else finish(() => reject(mostTelling(errors)));
    });
  };

  if (signal) {
    rejectOnAbort(signal, promise, () => finish(() => reject(signal.reason)));
  }
  start();
  return promise;
}

/** Takes the families in turns, the first address's first. */
function alternate(addresses: readonly string[]): string[] {
  const [first] = addresses;
  const isFirst = (address: string) => familyOf(address) === familyOf(first);
  const others = addresses.filter((address) => !isFirst(address));
  return addresses.filter(isFirst).flatMap((address, i, own) => {
    const rest = i === own.length - 1
      ? others.slice(i)
      : others.slice(i, i + 1);
    return [address, ...rest];
  });
}

function mostTelling(errors: readonly unknown[]): unknown {
  const isRoute = (error: unknown) =>
    NO_ROUTE.includes(Reflect.get(Object(error), "code"));
  return errors.find((error) => !isRoute(error)) ?? errors[0];
}
