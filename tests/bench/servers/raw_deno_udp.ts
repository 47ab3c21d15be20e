// UDP echo by hand on Deno; needs --unstable-net.
interface Datagrams {
  readonly addr: { port: number };
  receive(into: Uint8Array): Promise<[Uint8Array, Deno.Addr]>;
  send(data: Uint8Array, to: Deno.Addr): Promise<number>;
}

const { listenDatagram } = Deno as unknown as {
  listenDatagram(
    where: { transport: "udp"; hostname: string; port: number },
  ): Datagrams;
};

const socket = listenDatagram({
  transport: "udp",
  hostname: "127.0.0.1",
  port: 0,
});
console.log(socket.addr.port);

// The iterator would allocate 64 KiB for each datagram.
const buffer = new Uint8Array(65536);
for (;;) {
  const [data, from] = await socket.receive(buffer);
  await socket.send(data, from);
}
