// Many Socket.IO clients in one process; see lines.mjs for how it is driven.
// One process for all tests, because Node needs longer to start than most tests
// to run.
import { io as io48 } from "socket.io-client";
import { io as io40 } from "socket.io-client-4.0";
import { serve, write } from "./lines.mjs";
import { ask, listen } from "./listen.mjs";

const versions = { "4.8": io48, "4.0": io40 };
const clients = new Map();

// revive makes bytes of {"$bytes": base64}, which JSON cannot carry.
const revive = (args) => JSON.parse(JSON.stringify(args ?? []), (_, value) =>
  typeof value?.$bytes === "string" ? Buffer.from(value.$bytes, "base64") : value);

serve({
  connect({ client, url, version, options, subscribe }) {
    const report = (event, ...args) => write({ client, event, args });
    clients.set(client, listen(versions[version], url, options, subscribe, report));
  },

  emit({ client, event, args }) {
    clients.get(client).emit(event, ...revive(args));
  },

  ack({ client, event, args }) {
    return ask(clients.get(client), event, revive(args));
  },

  // sync is answered after everything that was reported before it.
  sync() {},

  disconnect({ client }) {
    clients.get(client).disconnect();
    clients.delete(client);
  },
});
