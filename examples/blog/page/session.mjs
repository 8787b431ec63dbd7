// The session: who this tab is, its connection, and what is asked of the hub and of
// the backend. A channel is an event name, and what the hub says of itself begins with hub:.
import { $ } from "./element.mjs";
import { lost, reach } from "./network.mjs";

export const people = [...document.querySelectorAll("#people input")];
export const nameOf = (user) => people.find((p) => p.dataset.user === user)?.labels[0].textContent ?? user;
const kept = sessionStorage.getItem("person"); // each tab is somebody of its own
let person = people.some((p) => p.value === kept) ? kept : "";
for (const p of people) p.checked = p.value === person;

export let me; // the session's hub:ready, while there is one

// A token lives for minutes, and a hub that was restarted has another secret: so
// each connect fetches its own.
async function credentials() {
  if (person === "") return {};
  const { token } = await post("/token", { person });
  return { token };
}

export async function post(path, body) {
  const response = await reach(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error.message), { error: answer.error });
  return answer;
}

export const socket = io({
  autoConnect: false,
  reconnectionDelay: 500,
  reconnectionDelayMax: 2000,
  auth: async (send) => {
    try {
      send(await credentials());
    } catch {
      socket.io.engine.close(); // the hub went away in between: the client tries again
    }
  },
});

// ask sends an event and waits for the hub's ack; nobody waits for ever.
export async function ask(event, ...args) {
  if (lost) return { ok: false, error: { reason: "NO_ANSWER", message: "this tab has lost the network" } };
  try {
    return await socket.timeout(10_000).emitWithAck(event, ...args);
  } catch {
    return { ok: false, error: { reason: "NO_ANSWER", message: "the connection ended before the hub answered" } };
  }
}

export function become(name) {
  person = name;
  sessionStorage.setItem("person", name);
  for (const p of people) p.checked = p.value === name;
  reconnect();
}

export function reconnect() {
  if (!lost) socket.disconnect().connect();
}

export function state(name, text) {
  $("state").dataset.state = name;
  $("state-text").textContent = text;
  $("again").hidden = name !== "refused";
}

socket.on("hub:ready", (ready) => {
  me = ready;
  state("live", "Live");
  $("session").textContent = `session ${ready.session}${ready.userId ? ` of ${nameOf(ready.userId)}` : ", anonymous"}`;
});
socket.on("hub:draining", () => state("reconnecting", "The hub shuts down"));
socket.on("disconnect", (reason) => {
  me = undefined;
  $("session").textContent = "no session";
  if (reason === "io client disconnect") state("connecting", "Connecting"); // to be somebody else
  else if (socket.active) state("reconnecting", "Reconnecting");
  else state("refused", "Ended by the hub");
});
socket.on("connect_error", (err) => {
  if (lost) return;
  if (socket.active) state("reconnecting", "No hub, trying again");
  else state("refused", err.data?.reason ? `${err.data.reason}: ${err.data.message}` : err.message);
});
