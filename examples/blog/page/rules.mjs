// Payloads that break the rules.
import { $ } from "./element.mjs";
import { FEED, openedHere } from "./feed.mjs";
import { tell } from "./refusal.mjs";
import { ask } from "./session.mjs";

async function sendPayload() {
  let payload;
  try {
    payload = JSON.parse($("payload").value);
  } catch (err) {
    tell("rules-answer", { reason: "NOT SENT", message: `this is not JSON: ${err.message}` });
    return;
  }
  const answer = await ask(FEED, payload);
  if (answer.ok) openedHere(payload.id);
  tell("rules-answer", answer.error, `Accepted: a worker handled message ${answer.id}.`);
}

$("rules").addEventListener("submit", (e) => { e.preventDefault(); sendPayload(); });
for (const button of document.querySelectorAll("[data-payload]")) {
  button.addEventListener("click", () => { $("payload").value = button.dataset.payload; sendPayload(); });
}
