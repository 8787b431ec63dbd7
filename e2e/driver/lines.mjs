// A driver is a process that clients live in, driven by JSON lines: a request a
// line on stdin, answers and events on stdout in the order in which they
// happened. Everything a client observes is reported, asked or not: a test that
// looks only for what it expects would not see what must not come.
//
//   {id, op, client, …}            →  {id, result} or {id, error}
//   what a client sees             →  {client, event, args}
//
// What is the client's own and no event of the hub starts with $.
import { createInterface } from "node:readline";

export const write = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// serve answers requests until nobody speaks any more, then ends the process.
export const serve = (operations, end = () => {}) => {
  createInterface({ input: process.stdin }).on("line", async (line) => {
    const request = JSON.parse(line);
    try {
      const result = await operations[request.op](request);
      write({ id: request.id, result: result ?? null });
    } catch (error) {
      write({ id: request.id, error: String(error?.stack ?? error) });
    }
  }).on("close", async () => {
    await end();
    process.exit(0);
  });
};
