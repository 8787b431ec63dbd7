// Many Socket.IO clients in one process, driven by JSON lines: a request a
// line on stdin, answers and events on stdout in the order in which they
// happened. One process for all tests, because Node needs longer to start than
// most tests to run. Everything a client observes is reported, asked or not: a
// test that looks only for what it expects would not see what must not come.
//
//   {id, op, client, …}            →  {id, result} or {id, error}
//   what a client sees             →  {client, event, args}
//
// What is the client's own and no event of the hub starts with $.
import { createInterface } from "node:readline";
import { io as io48 } from "socket.io-client";
import { io as io40 } from "socket.io-client-4.0";

const versions = { "4.8": io48, "4.0": io40 };
const clients = new Map();

const write = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// revive makes bytes of {"$bytes": base64}, which JSON cannot carry.
const revive = (args) => JSON.parse(JSON.stringify(args ?? []), (_, value) =>
  typeof value?.$bytes === "string" ? Buffer.from(value.$bytes, "base64") : value);

// auth is a function where there are several tokens: each connect takes the
// next one, as a page does that renews its token.
const authOf = ({ auth, tokens }) => {
  if (!tokens) return auth;
  const left = [...tokens];
  return (cb) => cb({ token: left.length > 1 ? left.shift() : left[0] });
};

const operations = {
  connect({ client, url, version, options, subscribe }) {
    const report = (event, ...args) => write({ client, event, args });
    const socket = versions[version](url, {
      forceNew: true,
      reconnection: false,
      reconnectionDelay: 20,
      reconnectionDelayMax: 100,
      ...options,
      auth: authOf(options),
    });
    clients.set(client, socket);
    // Prepended, so that events are reported before anything they cause.
    socket.prependAny((event, ...args) => report(event, ...args));
    socket.on("connect", () => report("$connect", { id: socket.id, transport: socket.io.engine.transport.name }));
    socket.on("connect_error", (err) => report("$connect_error", { message: err.message, data: err.data ?? null }));
    socket.on("disconnect", (reason) => report("$disconnect", reason));
    socket.io.on("reconnect_attempt", (n) => report("$reconnect_attempt", n));
    socket.io.on("open", () => {
      socket.io.engine.on("upgrade", (transport) => report("$upgrade", transport.name));
    });
    // As the hub's documentation tells pages to do it: at every hub:ready.
    socket.on("hub:ready", () => {
      for (const channel of subscribe ?? []) {
        socket.emit("hub:subscribe", channel, (ack) => report("$subscribed", ack));
      }
    });
  },

  emit({ client, event, args }) {
    clients.get(client).emit(event, ...revive(args));
  },

  // Not emitWithAck: 4.0 has none, and the test bounds its own waiting.
  ack({ client, event, args }) {
    return new Promise((resolve) => clients.get(client).emit(event, ...revive(args), (...answer) => resolve(answer)));
  },

  // sync is answered after everything that was reported before it.
  sync() {},

  disconnect({ client }) {
    clients.get(client).disconnect();
    clients.delete(client);
  },
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const request = JSON.parse(line);
  try {
    const result = await operations[request.op](request);
    write({ id: request.id, result: result ?? null });
  } catch (error) {
    write({ id: request.id, error: String(error?.stack ?? error) });
  }
}).on("close", () => process.exit(0));
