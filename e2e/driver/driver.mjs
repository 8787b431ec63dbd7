// Many Socket.IO clients in one process; see lines.mjs for how it is driven.
// One process for all tests, because Node needs longer to start than most tests
// to run.
import { io as io48 } from "socket.io-client";
import { io as io40 } from "socket.io-client-4.0";
import io25 from "socket.io-client-2";
import { serve, write } from "./lines.mjs";
import { ask, listen } from "./listen.mjs";
import { listen as listen2 } from "./listen2.mjs";

const versions = { "4.8": [io48, listen], "4.0": [io40, listen], "2.5": [io25, listen2] };
const clients = new Map();

// revive makes bytes of {"$bytes": base64}, which JSON cannot carry.
const revive = (args) => JSON.parse(JSON.stringify(args ?? []), (_, value) =>
  typeof value?.$bytes === "string" ? Buffer.from(value.$bytes, "base64") : value);

serve({
  connect({ client, url, version, options, subscribe }) {
    const report = (event, ...args) => write({ client, event, args });
    const [io, listenBy] = versions[version];
    clients.set(client, listenBy(io, url, options, subscribe, report));
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
