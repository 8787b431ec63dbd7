// What passes is shown as it passes; the same event again counts up.
import { $, make } from "./element.mjs";
import { socket } from "./session.mjs";

const LINES = 5;

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
