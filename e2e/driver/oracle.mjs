// The protocol's reference implementation, as the oracle of the conformance
// tests: a Socket.IO server for each set of options, in one process.
//
//   node oracle.mjs '{"name": {Socket.IO server options}, …}'
//
// The first line written is {name: port}. Then each line read is a broadcast,
// {server, channel, payload}, answered by a line when it is on its way. The
// process goes when its input ends.
//
// It answers the hub's words hub:subscribe and hub:unsubscribe, and begins
// with hub:ready, so that one statement can be held against both.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const write = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const serve = async (options) => {
  const http = createServer((_, res) => res.writeHead(404).end());
  const io = new Server(http, { serveClient: false, ...options });
  io.use((socket, next) => {
    if (socket.handshake.auth.token !== "garbage") return next();
    next(Object.assign(new Error("the token is none"), { data: { reason: "CREDENTIALS_INVALID" } }));
  });
  io.of("/admin");
  io.on("connection", (socket) => {
    socket.emit("hub:ready", { session: socket.id });
    socket.on("hub:subscribe", (channel, ack) => {
      socket.join(channel);
      ack?.({ ok: true, channel });
    });
    socket.on("hub:unsubscribe", (channel, ack) => {
      socket.leave(channel);
      ack?.({ ok: true, channel });
    });
    socket.on("e2e.echo", (arg, ack) => ack(arg));
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return { io, port: http.address().port };
};

const servers = {};
for (const [name, options] of Object.entries(JSON.parse(process.argv[2]))) servers[name] = await serve(options);
write(Object.fromEntries(Object.entries(servers).map(([name, { port }]) => [name, port])));

createInterface({ input: process.stdin }).on("line", (line) => {
  const { server, channel, payload } = JSON.parse(line);
  servers[server].io.to(channel).emit(channel, payload, { id: "oracle" });
  write({});
}).on("close", () => process.exit(0));
