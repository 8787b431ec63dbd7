import assert from "node:assert/strict";
import { test } from "node:test";
import { channel, HubError } from "../dist/index.js";
import { FakeHub, refusal, until } from "./fake.mjs";

const talk = channel("test.talk");

test("a message whose ack was lost is sent again with its id, in order", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  hub.answers["test.talk"] = ([{ text }]) => (text === "handled" ? { ok: true, id: "" } : undefined);
  await client.send(talk, { text: "handled" });
  const traceContext = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };
  const sent = [client.send(talk, { text: "one" }, { traceContext }), client.send(talk, { text: "two" }, { id: "of mine" })];
  await hub.saw("test.talk", 3);
  hub.answers["test.talk"] = () => ({ ok: true, id: "" });
  hub.cut();
  const [one, two] = await Promise.all(sent);
  const first = hub.requests("test.talk", 0);
  assert.deepEqual(hub.requests("test.talk", 1), first.slice(1));
  assert.match(one.id, /^[0-9a-f]{32}$/);
  assert.notEqual(one.id, first[0][1].id);
  assert.deepEqual(first[1], [{ text: "one" }, { id: one.id, traceContext }]);
  assert.deepEqual([two, first[2]], [{ id: "of mine" }, [{ text: "two" }, { id: "of mine" }]]);
});

test("what is sent without a session is sent when there is one, after the subscriptions", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  hub.answers["test.talk"] = () => ({ ok: true, id: "" });
  const sent = client.send(talk, {});
  client.subscribe(channel("test.news"));
  await sent;
  assert.deepEqual(hub.log.map(([, event]) => event), ["hub:subscribe", "test.talk"]);
});

test("a refusal says what was wrong", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const violations = [{ field: "title", rule: "string.min_len", message: "must be at least 1 character" }];
  hub.answers["test.talk"] = () => refusal("PAYLOAD_INVALID", { code: "INVALID_ARGUMENT", violations });
  await assert.rejects(client.send(talk, {}), (error) => {
    assert.ok(error instanceof HubError && error instanceof Error);
    const { name, code, reason, message, retryable } = error;
    assert.deepEqual({ name, code, reason, message, retryable }, {
      name: "HubError", code: "INVALID_ARGUMENT", reason: "PAYLOAD_INVALID", message: "because of PAYLOAD_INVALID", retryable: false,
    });
    assert.deepEqual(error.violations, violations);
    return true;
  });
  hub.answers["test.talk"] = () => refusal("OVERLOADED", { retryable: true });
  await assert.rejects(client.send(talk, {}), { reason: "OVERLOADED", retryable: true });
  hub.answers["test.talk"] = () => "nonsense";
  await assert.rejects(client.send(talk, {}), { reason: "INTERNAL" });
});

test("what a draining hub refuses waits for the next", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  hub.answers["test.talk"] = () => refusal("DRAINING", { code: "UNAVAILABLE", retryable: true });
  const sent = client.send(talk, {});
  await hub.saw("test.talk");
  await hub.passed(client);
  hub.answers["test.talk"] = () => ({ ok: true, id: "" });
  hub.cut();
  await sent;
});

test("nobody waits for ever", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  await until("a session", () => client.session);
  await assert.rejects(client.send(talk, {}, { timeout: 50 }), { reason: "TIMEOUT", code: "DEADLINE_EXCEEDED", retryable: true });
  const abort = new AbortController();
  const sent = assert.rejects(client.send(talk, {}, { signal: abort.signal, timeout: Infinity }), /enough/);
  await hub.saw("test.talk", 2);
  abort.abort(new Error("enough"));
  await sent;
  await assert.rejects(client.send(talk, {}, { signal: abort.signal }), /enough/);
  hub.cut();
  await until("the second session", () => hub.sessions.length === 2 && client.session);
  await hub.passed(client);
  assert.equal(hub.requests("test.talk").length, 2); // what was given up is not sent again
});

test("what waits is bounded", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const sent = Array.from({ length: 1000 }, () => client.send(talk, {}).catch((error) => error.reason));
  await assert.rejects(client.send(talk, {}), { reason: "OVERLOADED", retryable: true });
  client.close();
  assert.deepEqual(new Set(await Promise.all(sent)), new Set(["CLOSED"]));
  await assert.rejects(client.send(talk, {}), { reason: "CLOSED" });
});

test("pages of the history are typed as the channel", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  hub.answers["hub:history"] = ([{ channel }]) => ({ ok: true, channel, position: { epoch: "e", offset: "1" }, messages: [{ payload: { n: 1 }, meta: { id: "a" } }] });
  const page = await client.history(talk, { limit: 5, since: { epoch: "e", offset: "0" } });
  assert.deepEqual(page.messages[0].payload, { n: 1 });
  assert.deepEqual(hub.requests("hub:history"), [[{ channel: "test.talk", limit: 5, since: { epoch: "e", offset: "0" } }]]);
});
