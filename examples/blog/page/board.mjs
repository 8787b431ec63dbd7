// The board: editors see each other's cursors.
import { $, make } from "./element.mjs";
import { joined, tell } from "./refusal.mjs";
import { ask, me, nameOf, socket } from "./session.mjs";

const CURSORS = 50;

const board = () => document.querySelector("#boards input:checked").value;
const boardChannel = () => `blog.board.${board()}.cursor`;
const cursors = new Map(); // by session
const own = { x: 500, y: 500, due: 0 };
let heard; // the channel that is listened to

export async function joinBoard() {
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
socket.on("disconnect", clearCursors);
socket.on("hub:error", ({ error, channel }) => {
  if (channel === boardChannel()) tell("board-answer", error);
});
