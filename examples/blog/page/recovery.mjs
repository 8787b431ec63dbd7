// What a tab missed, and whether it got it back.
import { $, make } from "./element.mjs";
import { lose, lost, regain } from "./network.mjs";
import { socket, state } from "./session.mjs";

const WHY = {
  EPOCH_CHANGED: "the hub has another history, as after a restart",
  EXPIRED: "what came next is no longer kept",
  TOO_MANY: "more was missed than a replay may have",
};

export let last; // the position of the last article that was seen, an epoch and an offset
let away; // since when

// isAfter compares positions of one history; those of two have no order.
export const isAfter = (position, other) => position.epoch === other.epoch && BigInt(position.offset) > BigInt(other.offset);

// see remembers where this tab stands. What it has seen already it sees no second time.
export function see(position) {
  if (last?.epoch === position.epoch && !isAfter(position, last)) return false;
  last = position;
  $("position").textContent = `offset ${last.offset}, epoch ${last.epoch.slice(0, 6)}…`;
  return true;
}

// unsee is that the list comes from elsewhere, and the next subscription begins anew.
export function unsee() {
  last = undefined;
  $("position").textContent = "";
}

// leave is that from now on articles are missed.
export function leave() {
  away ??= Date.now();
}

// tellReturn says what became of the articles that were missed.
export function tellReturn({ recovered, reason, replayed }) {
  if (!away) return; // it was not here before
  const seconds = Math.round((Date.now() - away) / 1000);
  away = undefined;
  const articles = replayed === 1 ? "1 article" : `${replayed} articles`;
  let text = "the list was loaded from the backend.";
  if (recovered) text = replayed ? `${articles} replayed, none missing.` : "no article was missed.";
  else if (reason) text = `not recovered (${reason}): ${WHY[reason] ?? "the hub does not say more"}. The list was loaded anew from the backend.`;
  say(`Back after ${seconds || "less than 1"} s: ${text}`);
}

const say = (text) => $("return").replaceChildren(make("p", {}, text));

socket.on("disconnect", leave);
$("tunnel").addEventListener("click", () => {
  if (lost) {
    state("reconnecting", "Reconnecting");
    regain(socket);
  } else {
    lose(socket);
    leave();
    state("lost", "No network");
    say(`No network since ${new Date().toLocaleTimeString()}: nothing reaches this tab.`);
  }
  $("tunnel").setAttribute("aria-checked", lost);
});
