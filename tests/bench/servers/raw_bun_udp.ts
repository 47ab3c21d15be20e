// UDP echo by hand on Bun.
import { Bun } from "../bun.ts";

const socket = await Bun.udpSocket({
  hostname: "127.0.0.1",
  socket: {
    data(socket, data, port, hostname) {
      socket.send(data, port, hostname);
    },
    error() {},
  },
});
console.log(socket.port);
