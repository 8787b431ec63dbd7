// What only a process of its own shows: that it ends by itself, and what it cries when it does not.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { FakeHub, refusal } from "./fake.mjs";

const run = (script, ...args) =>
  new Promise((resolve, reject) =>
    execFile(process.execPath, ["--input-type=module", "-e", script, ...args], { cwd: import.meta.dirname ?? new URL(".", import.meta.url).pathname, timeout: 20_000 },
      (error, stdout, stderr) => (error?.killed ? reject(new Error(`it does not end; it said ${stdout} ${stderr}`)) : resolve({ code: error?.code ?? 0, stdout, stderr }))));

test("the import does nothing by itself, with no page around it", async () => {
  const { code, stdout, stderr } = await run(`
    const before = Object.keys(globalThis).length;
    await import("../dist/index.js");
    console.log(typeof window, Object.keys(globalThis).length - before, process.getActiveResourcesInfo().includes("Timeout"));
  `);
  assert.deepEqual([code, stdout, stderr], [0, "undefined 0 false\n", ""]);
});

const states = {
  "with a session": ["", "await until(() => client.session); client.close();"],
  "while it connects": ["", "client.close();"],
  "while it waits for a hub that is gone": ["", "await until(() => client.session); client.send({ name: 'test.cut' }, {}).catch(() => {}); await until(() => client.status === 'waiting'); client.close();"],
  "of itself, when the hub said goodbye": ["", "client.send({ name: 'test.kick' }, {}).catch(() => {}); await until(() => client.status === 'ended');"],
  "of itself, when it is refused": ["refused", "await until(() => client.status === 'ended');"],
};
for (const [name, [token, script]] of Object.entries(states)) {
  test(`nothing of a client is left ${name}`, async (t) => {
    const hub = await FakeHub.start(t);
    hub.admit = ({ token }) => (token === "refused" ? refusal("CREDENTIALS_INVALID", { code: "UNAUTHENTICATED" }) : undefined);
    hub.answers["test.cut"] = (_, session) => void session.conn.close();
    hub.answers["test.kick"] = (_, session) => void session.disconnect();
    const { code, stdout, stderr } = await run(`
      import { channel, connect } from "../dist/index.js";
      const until = async (condition) => { while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2)); };
      const client = connect(process.argv[1], { token: () => process.argv[2] || undefined, retry: { min: 60_000, max: 60_000 } });
      client.subscribe(channel("test.news"), () => {});
      client.subscribe(channel("test.other")); // which nobody reads, nor its error
      ${script}
      console.log("closed");
    `, hub.url, token);
    assert.deepEqual([code, stdout, stderr], [0, "closed\n", ""]);
  });
}

test("what a callback throws is an uncaught error of its own, and harms nobody else", async (t) => {
  const hub = await FakeHub.start(t);
  hub.answers["test.go"] = (_, session) => {
    session.emit("test.news", { n: 1 }, { id: "" });
    return { ok: true, id: "" };
  };
  const { code, stdout } = await run(`
    import { channel, connect } from "../dist/index.js";
    process.on("uncaughtException", (error) => console.log("uncaught", error.message));
    const client = connect(process.argv[1]);
    client.subscribe(channel("test.news"), () => { throw new Error("mine"); });
    client.subscribe(channel("test.news"), ({ n }) => console.log("heard", n));
    await client.send(channel("test.go"), {});
    client.close();
  `, hub.url);
  assert.deepEqual([code, stdout.trim().split("\n").sort()], [0, ["heard 1", "uncaught mine"]]);
});
