// Clients of sdk/ts in one process; see lines.mjs for how it is driven.
import * as client from "../../sdk/ts/dist/index.js";
import { serve, write } from "./lines.mjs";
import { listen } from "./ts-listen.mjs";

const clients = new Map();

serve({
  connect({ client: name, url, options }) {
    clients.set(name, listen(client, url, options, (event, ...args) => write({ client: name, event, args })));
  },
  subscribe: ({ client, channel, options }) => clients.get(client).subscribe(channel, options),
  give: ({ client, token }) => clients.get(client).give(token),
  leave: ({ client, name }) => clients.get(client).leave(name),
  send: ({ client, channel, payload, options }) => clients.get(client).send(channel, payload, options),
  sync() {},
  disconnect: ({ client }) => {
    clients.get(client).close();
    clients.delete(client);
  },
});
