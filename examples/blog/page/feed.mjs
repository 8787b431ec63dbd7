// The feed, and who has which of its articles open.
import { $, make, place } from "./element.mjs";
import { reach } from "./network.mjs";
import { isAfter, last, leave, see, tellReturn, unsee } from "./recovery.mjs";
import { tell } from "./refusal.mjs";
import { ask, me, post, socket } from "./session.mjs";

export const FEED = "blog.article.feed";
const SHOWN = 7; // articles in the list
const KEPT = 20; // articles in all: also those that somebody has open
const MARKED = 8000; // milliseconds in which a replayed article says so

const articles = new Map(); // by id
const viewersOf = (id) => `blog.article.${id}.viewers`;
let reading; // the article that is open in this tab
let paused = false;
let heard; // the session that hears the feed and the numbers

// listen goes on after the last article that was seen. What was missed comes before the
// ack, in order; where it is not proven to be all, the list is the backend's state again.
export async function listen(session) {
  const since = last;
  heard = undefined;
  const answer = paused ? { ok: true } : await ask("hub:subscribe", { channel: FEED, since });
  if (me !== session) return; // gone meanwhile; the next one listens
  if (!answer.ok) return tell("return", answer.error);
  if (answer.position) see(answer.position);
  else unsee();
  if (answer.recovered) mark(since, answer.position);
  const again = reading;
  if (!answer.recovered && !(await reload(session))) return;
  tellReturn(answer);
  if (paused) leave();
  await hearReaders(session);
  const still = articles.get(again?.id);
  if (still && me === session && still.title === again.title) await open(still);
}

socket.on(FEED, (article, { position }) => {
  if (!see(position)) return;
  add({ ...article, viewers: 0 }).position = position;
  if (heard === me) hearReaders(me); // otherwise listen does, for all that is replayed
});

// reload makes the list what the backend has. What came since the session began stays.
async function reload(session) {
  const list = await started(session);
  if (me !== session) return false;
  for (const a of [...articles.values()]) if (a.session !== session) forget(a);
  reading = articles.get(reading?.id);
  for (const a of list) add(a);
  return true;
}

// mark shows for a while which articles came by the replay.
function mark(since, until) {
  for (const a of articles.values()) {
    a.session = me;
    if (!a.position || !isAfter(a.position, since) || isAfter(a.position, until)) continue;
    a.replayed = true;
    setTimeout(() => { a.replayed = false; render(); }, MARKED);
  }
  render();
}

// load is the state that the feed goes on from; undefined while there is no backend.
async function load() {
  try {
    const response = await reach("/articles");
    if (response.ok) return (await response.json()).articles;
  } catch {
    // The hub went away: there will be another hub:ready.
  }
}

// started is the state as soon as there is a backend; undefined if the session goes first.
export async function started(session) {
  while (me === session) {
    const list = await load();
    if (list) return list;
    await new Promise((again) => setTimeout(again, 300));
  }
}

// add shows an article, and returns it: the one that is there already, if it is the same.
function add({ id, title, publishedAt, viewers }) {
  const at = new Date(publishedAt);
  const known = articles.get(id);
  if (known && isSame(known, { title, at })) return known;
  if (known) forget(known);
  const a = { id, title, at, viewers, session: me, hear: (n) => { a.viewers = n.count; render(); } };
  a.badge = make("span", { className: "badge" });
  a.button = make("button", { type: "button", onclick: () => open(a) },
    make("span", { className: "title" }, title), a.badge, make("time", { dateTime: publishedAt }, at.toLocaleTimeString()));
  a.item = make("li", {}, a.button);
  a.number = make("span", { className: "number" });
  a.here = make("button", { type: "button", onclick: () => open(a) }, "Read it too");
  a.open = make("li", {}, a.number, make("span", { className: "title" }, title), a.here);
  articles.set(id, a);
  socket.on(viewersOf(id), a.hear);
  render();
  return a;
}

// isSame tells apart what two backends, before and after a restart, call by one id.
const isSame = (a, b) => a.title === b.title && +a.at === +b.at;

// hearReaders joins the channels of the numbers, each once in a session, and then loads
// what was said before.
async function hearReaders(session) {
  heard = session;
  const fresh = [...articles.values()].filter((a) => a.heard !== session);
  for (const a of fresh) a.heard = session;
  await Promise.all(fresh.map((a) => ask("hub:subscribe", viewersOf(a.id))));
  if (me === session) count(await load());
}

function forget(a) {
  articles.delete(a.id);
  socket.off(viewersOf(a.id), a.hear);
  if (me && a.heard === me) socket.emit("hub:unsubscribe", viewersOf(a.id), () => {});
  a.item.remove();
  a.open.remove();
}

function count(list = []) {
  for (const { id, title, publishedAt, viewers } of list) {
    const a = articles.get(id);
    if (a && isSame(a, { title, at: new Date(publishedAt) })) a.viewers = viewers;
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

// openedHere is that the worker heard of it in another way.
export function openedHere(id) {
  if (articles.has(id)) read(articles.get(id));
}

// render shows what is known. Nodes stay where they are: the focus is in one of them.
function render() {
  const all = [...articles.values()].sort((a, b) => b.at - a.at || b.id.localeCompare(a.id));
  for (const a of all.slice(KEPT)) if (a !== reading) forget(a);
  for (const a of all.slice(SHOWN, KEPT)) if (!a.viewers && a !== reading) forget(a);
  const kept = all.filter((a) => articles.get(a.id) === a);
  place($("feed"), kept.slice(0, SHOWN).map((a) => a.item));
  place($("reading"), kept.filter((a) => a.viewers).map((a) => a.open));
  for (const a of kept) {
    const here = a === reading;
    a.badge.textContent = [a.replayed && "replayed", a.viewers && `${a.viewers} reading`].filter(Boolean).join(" · ");
    a.item.classList.toggle("replayed", Boolean(a.replayed));
    a.button.setAttribute("aria-pressed", here);
    a.number.textContent = a.viewers;
    a.here.textContent = here ? "Open here" : "Read it too";
    a.here.setAttribute("aria-pressed", here);
  }
  $("feed-empty").hidden = kept.length > 0;
  $("reading-empty").hidden = kept.some((a) => a.viewers);
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
  if (paused) {
    leave();
    await ask("hub:unsubscribe", FEED);
  } else if (me) await listen(me);
});
for (const button of document.querySelectorAll(".open-newest")) {
  button.addEventListener("click", () => {
    const [newest] = [...articles.values()].filter((a) => a !== reading).sort((a, b) => b.at - a.at);
    if (newest) open(newest);
  });
}
