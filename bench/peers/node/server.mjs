// A peer on Node's own Socket.IO server, with ws and the defaults of both.
// It speaks the control protocol of internal/control: a line for each order.
import { createServer } from "node:http";
import { createServer as createControl } from "node:net";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const channel = "bench.feed";
const messageBytes = 128; // control.MessageBytes: the WebSocket message, envelope and all

const http = createServer();
const io = new Server(http, { serveClient: false });
io.on("connection", (socket) => {
  socket.on("subscribe", (name, ack) => {
    socket.join(name);
    ack({ ok: true });
  });
  socket.on("request", (name, ack) => ack({ ok: true }));
});

const empty = `42["${channel}",{"data":""}]`;
const payload = { data: "x".repeat(messageBytes - empty.length) };

const control = createControl((orders) => {
  orders.setNoDelay(true);
  createInterface({ input: orders }).on("line", (line) => {
    if (line === "goroutines") {
      orders.write("null\n"); // it has none
      return;
    }
    for (let n = Number(line); n > 0; n--) io.to(channel).emit(channel, payload);
  });
  const end = () => process.exit(0); // no peer outlives the generator
  orders.on("close", end).on("error", end);
});

http.listen(0, "127.0.0.1", () => {
  control.listen(0, "127.0.0.1", () => {
    const at = (server) => `127.0.0.1:${server.address().port}`;
    console.log(JSON.stringify({ clients: at(http), control: at(control) }));
  });
});
