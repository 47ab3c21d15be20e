// Echo by hand on Bun's own sockets, with correct backpressure.
import process from "node:process";
import { Bun, type BunAddress } from "../bun.ts";

const where: BunAddress = JSON.parse(process.argv[2]);

const server = Bun.listen<Uint8Array | undefined>({
  ...where,
  allowHalfOpen: true,
  socket: {
    binaryType: "uint8array",
    data(socket, chunk) {
      const taken = socket.write(chunk);
      if (taken === chunk.length || taken < 0) return;
      socket.data = chunk.subarray(taken);
      socket.pause();
    },
    drain(socket) {
      const rest = socket.data;
      if (rest === undefined) return;
      const taken = socket.write(rest);
      if (taken < 0) return;
      socket.data = taken < rest.length ? rest.subarray(taken) : undefined;
      if (socket.data === undefined) socket.resume();
    },
    // A paused socket ends after it has resumed, so nothing is left to write.
    end(socket) {
      socket.end();
    },
    error() {},
  },
});
console.log(server.port);
