// The demo's page: a plain socket.io-client. A channel is an event name, and what the
// hub says of itself begins with hub:. Texts that arrive become text, never HTML.
const FEED = "blog.article.feed";
const SHOWN = 7; // articles in the list
const KEPT = 20; // articles in all: also those that somebody has open
const MAILS = 5;
const CURSORS = 50;
const LINES = 5; // of what passes

const $ = (id) => document.getElementById(id);
const make = (name, props = {}, ...children) => {
  const node = Object.assign(document.createElement(name), props);
  node.append(...children);
  return node;
};

const people = [...document.querySelectorAll("#people input")];
const nameOf = (user) => people.find((p) => p.dataset.user === user)?.labels[0].textContent ?? user;
const kept = sessionStorage.getItem("person"); // each tab is somebody of its own
let person = people.some((p) => p.value === kept) ? kept : "";
let me; // the session's hub:ready, while there is one

// A token lives for minutes, and a hub that was restarted has another secret: so
// each connect fetches its own.
async function credentials() {
  if (person === "") return {};
  const { token } = await post("/token", { person });
  return { token };
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error.message), { error: answer.error });
  return answer;
}

const socket = io({
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
async function ask(event, ...args) {
  try {
    return await socket.timeout(10_000).emitWithAck(event, ...args);
  } catch {
    return { ok: false, error: { reason: "NO_ANSWER", message: "the connection ended before the hub answered" } };
  }
}

function become(name) {
  person = name;
  sessionStorage.setItem("person", name);
  for (const p of people) p.checked = p.value === name;
  $("mail").replaceChildren();
  $("mail-empty").hidden = false;
  socket.disconnect().connect();
}

const state = (name, text) => {
  $("state").dataset.state = name;
  $("state-text").textContent = text;
  $("again").hidden = name !== "refused";
};

// What passes is shown as it passes; the same event again counts up.
function log(direction, event, args) {
  const text = JSON.stringify(args.find((arg) => typeof arg !== "function")) ?? "";
  const last = $("wire").firstElementChild;
  const again = last?.dataset.event === direction + event;
  const line = again ? last : make("li", {}, make("i"), make("b", {}, event), make("span"), make("code"));
  line.dataset.event = direction + event;
  line.dataset.times = again ? Number(line.dataset.times) + 1 : 1;
  const [arrow, , times, payload] = line.children;
  arrow.textContent = direction;
  times.textContent = line.dataset.times > 1 ? `× ${line.dataset.times}` : "";
  payload.textContent = text.slice(0, 120);
  if (!again) $("wire").prepend(line);
  while ($("wire").children.length > LINES) $("wire").lastChild.remove();
}
socket.onAny((event, ...args) => log("←", event, args));
socket.onAnyOutgoing((event, ...args) => log("→", event, args));

// At every connect and reconnect: a new session has joined nothing yet.
socket.on("hub:ready", async (ready) => {
  me = ready;
  state("live", "Live");
  $("session").textContent = `session ${ready.session}${ready.userId ? ` of ${nameOf(ready.userId)}` : ", anonymous"}`;
  while (me === ready && !(await load())) await new Promise((again) => setTimeout(again, 300)); // the backend is starting
  if (me !== ready) return;
  joinBoard();
  await joinMail(ready); // before the open article is told of again, which may bring one
  await listen(ready);
});
socket.on("hub:draining", () => state("reconnecting", "The hub shuts down"));
socket.on("hub:error", ({ error, channel }) => {
  if (channel === boardChannel()) tell("board-answer", error);
});
socket.on("disconnect", (reason) => {
  me = undefined;
  $("session").textContent = "no session";
  clearCursors();
  if (reason === "io client disconnect") state("connecting", "Connecting"); // to be somebody else
  else if (socket.active) state("reconnecting", "Reconnecting");
  else state("refused", "Ended by the hub");
});
socket.on("connect_error", (err) => {
  if (socket.active) state("reconnecting", "No hub, trying again");
  else state("refused", err.data?.reason ? `${err.data.reason}: ${err.data.message}` : err.message);
});

// tell shows a refusal in the hub's own words, with the rules that were broken.
function tell(id, error, good) {
  const at = $(id);
  at.replaceChildren();
  if (!error) {
    if (good) at.append(make("p", { className: "accepted" }, good));
    return;
  }
  const box = make("div", { className: "refusal" }, make("p", {}, make("b", {}, error.reason), " ", error.message));
  if (error.violations?.length) {
    const rows = error.violations.map((v) => make("tr", {}, ...[v.field, v.rule, v.message].map((text) => make("td", {}, text))));
    const head = make("tr", {}, ...["field", "rule", "message"].map((text) => make("th", { scope: "col" }, text)));
    box.append(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
  }
  at.append(box);
}

const articles = new Map(); // by id
const viewersOf = (id) => `blog.article.${id}.viewers`;
let reading; // the article that is open in this tab
let paused = false;

// listen subscribes first and loads the state then, so that nothing falls in between.
async function listen(session) {
  const again = reading;
  if (!paused) await ask("hub:subscribe", FEED);
  const list = await load();
  if (me !== session || !list) return; // gone meanwhile; the next one listens
  for (const a of [...articles.values()]) if (a.session !== session) forget(a);
  reading = undefined;
  await Promise.all(list.map((a) => add(a)));
  count(await load()); // what was said while the channels of the numbers were joined
  const still = articles.get(again?.id);
  if (still && me === session && still.title === again.title) await open(still);
}

socket.on(FEED, async (article) => {
  await add({ ...article, viewers: 0 });
  count(await load());
});

// load is the state that the feed goes on from; undefined while there is no backend.
async function load() {
  try {
    const response = await fetch("/articles");
    if (response.ok) return (await response.json()).articles;
  } catch {
    // The hub went away: there will be another hub:ready.
  }
}

async function add({ id, title, publishedAt, viewers }) {
  const known = articles.get(id);
  if (!me || known?.session === me) return;
  if (known) forget(known);
  const a = { id, title, at: new Date(publishedAt), viewers, session: me, hear: (n) => { a.viewers = n.count; render(); } };
  a.badge = make("span", { className: "badge" });
  a.button = make("button", { type: "button", onclick: () => open(a) },
    make("span", { className: "title" }, title), a.badge, make("time", { dateTime: publishedAt }, a.at.toLocaleTimeString()));
  a.item = make("li", {}, a.button);
  a.number = make("span", { className: "number" });
  a.here = make("button", { type: "button", onclick: () => open(a) }, "Read it too");
  a.open = make("li", {}, a.number, make("span", { className: "title" }, title), a.here);
  articles.set(id, a);
  socket.on(viewersOf(id), a.hear);
  render();
  if (articles.get(id) === a) await ask("hub:subscribe", viewersOf(id));
}

function forget(a) {
  articles.delete(a.id);
  socket.off(viewersOf(a.id), a.hear);
  if (me) socket.emit("hub:unsubscribe", viewersOf(a.id), () => {});
  a.item.remove();
  a.open.remove();
}

function count(list = []) {
  for (const { id, title, viewers } of list) {
    const a = articles.get(id);
    if (a?.title === title) a.viewers = viewers;
  }
  render();
}

// open tells the workers that this tab reads the article; the number comes back by
// the article's own channel.
async function open(a) {
  const answer = await ask(FEED, { id: a.id });
  tell("reading-answer", answer.error);
  if (answer.ok) read(a);
}

function read(a) {
  reading = a;
  render();
}

// render shows what is known. Nodes stay where they are: the focus is in one of them.
function render() {
  const all = [...articles.values()].sort((a, b) => b.at - a.at || b.id.localeCompare(a.id));
  for (const a of all.slice(KEPT)) if (a !== reading) forget(a);
  for (const a of all.slice(SHOWN, KEPT)) if (!a.viewers && a !== reading) forget(a);
  const kept = all.filter((a) => articles.get(a.id) === a);
  place($("feed"), kept.slice(0, SHOWN), (a) => a.item);
  place($("reading"), kept.filter((a) => a.viewers), (a) => a.open);
  for (const a of kept) {
    const here = a === reading;
    a.badge.textContent = a.viewers ? `${a.viewers} reading` : "";
    a.button.setAttribute("aria-pressed", here);
    a.number.textContent = a.viewers;
    a.here.textContent = here ? "Open here" : "Read it too";
    a.here.setAttribute("aria-pressed", here);
  }
  $("feed-empty").hidden = kept.length > 0;
  $("reading-empty").hidden = kept.some((a) => a.viewers);
}

function place(list, wanted, node) {
  const nodes = wanted.map(node);
  for (const child of [...list.children]) if (!nodes.includes(child)) child.remove();
  nodes.forEach((n, i) => { if (list.children[i] !== n) list.insertBefore(n, list.children[i] ?? null); });
}

$("publish").addEventListener("submit", async (e) => {
  e.preventDefault();
  try {
    await post("/publish", { title: $("title").value });
    tell("publish-answer");
  } catch (err) {
    tell("publish-answer", err.error ?? { reason: "NO_ANSWER", message: "the backend cannot be reached" });
  }
});
$("pause").addEventListener("click", async () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
  $("pause").textContent = paused ? "Resume" : "Pause";
  if (paused) await ask("hub:unsubscribe", FEED);
  else if (me) await listen(me);
});
for (const button of document.querySelectorAll(".open-newest")) {
  button.addEventListener("click", () => {
    const [newest] = [...articles.values()].filter((a) => a !== reading).sort((a, b) => b.at - a.at);
    if (newest) open(newest);
  });
}

const mailOf = (user) => `blog.notifications.${user}`;
const other = () => people.find((p) => p.dataset.user && p.dataset.user !== me?.userId);

for (const p of people) {
  if (p.dataset.user) socket.on(mailOf(p.dataset.user), ({ text }) => {
    $("mail").prepend(make("li", {}, make("span", {}, text), make("time", {}, new Date().toLocaleTimeString())));
    while ($("mail").children.length > MAILS) $("mail").lastChild.remove();
    $("mail-empty").hidden = true;
  });
}

// joinMail joins one's own channel; who is nobody tries Ann's, and reads why not.
async function joinMail({ userId }) {
  const user = userId || other().dataset.user;
  $("mail-other").textContent = `Listen to ${nameOf(other().dataset.user)}’s`;
  $("mail-ann").hidden = userId === "user_1";
  const answer = await ask("hub:subscribe", mailOf(user));
  joined("mail", mailOf(user), answer);
  $("mail-empty").hidden = !answer.ok || $("mail").children.length > 0;
}

const joined = (panel, channel, answer) => {
  $(`${panel}-channel`).textContent = channel;
  $(`${panel}-tag`).textContent = answer.ok ? "joined" : "refused";
  $(`${panel}-tag`).dataset.ok = answer.ok;
  tell(`${panel}-answer`, answer.error);
};

$("mail-other").addEventListener("click", async () => {
  const channel = mailOf(other().dataset.user);
  joined("mail", channel, await ask("hub:subscribe", channel));
});

const board = () => document.querySelector("#boards input:checked").value;
const boardChannel = () => `blog.board.${board()}.cursor`;
const cursors = new Map(); // by session
const own = { x: 500, y: 500, due: 0 };
let heard; // the channel that is listened to

async function joinBoard() {
  if (heard) {
    socket.off(heard);
    if (me) socket.emit("hub:unsubscribe", heard, () => {});
  }
  clearCursors();
  const channel = heard = boardChannel();
  const session = me;
  socket.on(channel, (moved) => point(moved.session, moved, nameOf(moved.userId)));
  const answer = await ask("hub:subscribe", channel);
  if (heard !== channel || me !== session) return; // another board, or session, meanwhile
  joined("board", channel, answer);
  $("board").dataset.open = answer.ok;
  $("board-note").hidden = !answer.ok;
  $("board-cover").textContent = answer.ok ? "" : "Closed to you";
  $("board-roles").hidden = answer.ok;
}

// sayCursor tells the other editors where this one points. A message that is lost
// is not sent again: the next says more.
function sayCursor() {
  own.due = 0;
  if (!me || $("board").dataset.open !== "true") return;
  socket.volatile.emit(boardChannel(), { x: own.x, y: own.y });
}

function move(x, y) {
  own.x = Math.max(0, Math.min(1000, Math.round(x)));
  own.y = Math.max(0, Math.min(1000, Math.round(y)));
  if ($("board").dataset.open !== "true") return;
  point("own", own, "you");
  own.due ||= setTimeout(sayCursor, 40); // 25 a second: the channel allows 50
}

function point(session, { x, y }, name) {
  let c = cursors.get(session);
  if (!c) {
    if (cursors.size >= CURSORS) return;
    c = { node: make("span", { className: session === "own" ? "cursor own" : "cursor" }, make("i"), make("b", {}, name)) };
    cursors.set(session, c);
    $("board").append(c.node);
  }
  c.node.style.left = `${x / 10}%`;
  c.node.style.top = `${y / 10}%`;
  c.node.dataset.flip = x > 800;
  clearTimeout(c.gone);
  if (session !== "own") c.gone = setTimeout(() => { c.node.remove(); cursors.delete(session); }, 15_000);
}

function clearCursors() {
  for (const c of cursors.values()) {
    clearTimeout(c.gone);
    c.node.remove();
  }
  cursors.clear();
}

$("board").addEventListener("pointermove", (e) => {
  const box = $("board").getBoundingClientRect();
  move((e.clientX - box.left) / box.width * 1000, (e.clientY - box.top) / box.height * 1000);
});
$("board").addEventListener("keydown", (e) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
  if (!step) return;
  e.preventDefault();
  const far = e.shiftKey ? 100 : 25;
  move(own.x + step[0] * far, own.y + step[1] * far);
});
$("boards").addEventListener("change", () => { if (me) joinBoard(); });

async function sendPayload() {
  let payload;
  try {
    payload = JSON.parse($("payload").value);
  } catch (err) {
    tell("rules-answer", { reason: "NOT SENT", message: `this is not JSON: ${err.message}` });
    return;
  }
  const answer = await ask(FEED, payload);
  if (answer.ok && articles.has(payload.id)) read(articles.get(payload.id));
  tell("rules-answer", answer.error, `Accepted: a worker handled message ${answer.id}.`);
}

$("rules").addEventListener("submit", (e) => { e.preventDefault(); sendPayload(); });
for (const button of document.querySelectorAll("[data-payload]")) {
  button.addEventListener("click", () => { $("payload").value = button.dataset.payload; sendPayload(); });
}

const choose = (e) => become(e.target.dataset.become ?? e.target.value);
$("people").addEventListener("change", choose);
for (const button of document.querySelectorAll("[data-become]")) button.addEventListener("click", choose);
$("again").addEventListener("click", () => socket.disconnect().connect());

for (const list of document.querySelectorAll("[role=tablist]")) {
  const tabs = [...list.children];
  const select = (chosen) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
  };
  list.addEventListener("click", (e) => { if (tabs.includes(e.target)) select(e.target); });
  list.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    select(next);
    next.focus();
  });
}

for (const p of people) p.checked = p.value === person;
socket.connect();
