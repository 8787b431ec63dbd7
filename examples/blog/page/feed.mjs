// The feed, and who has which of its articles open.
import { $, make, place } from "./element.mjs";
import { tell } from "./refusal.mjs";
import { ask, me, post, socket } from "./session.mjs";

export const FEED = "blog.article.feed";
const SHOWN = 7; // articles in the list
const KEPT = 20; // articles in all: also those that somebody has open

const articles = new Map(); // by id
const viewersOf = (id) => `blog.article.${id}.viewers`;
let reading; // the article that is open in this tab
let paused = false;

// listen subscribes first and loads the state then, so that nothing falls in between.
export async function listen(session) {
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

// started waits until the session's backend answers, or the session is gone.
export async function started(session) {
  while (me === session && !(await load())) await new Promise((again) => setTimeout(again, 300));
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
    a.badge.textContent = a.viewers ? `${a.viewers} reading` : "";
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
  if (paused) await ask("hub:unsubscribe", FEED);
  else if (me) await listen(me);
});
for (const button of document.querySelectorAll(".open-newest")) {
  button.addEventListener("click", () => {
    const [newest] = [...articles.values()].filter((a) => a !== reading).sort((a, b) => b.at - a.at);
    if (newest) open(newest);
  });
}
