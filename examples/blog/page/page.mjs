// The demo's page: a plain socket.io-client, and a module for each panel.
import { joinBoard } from "./board.mjs";
import { $ } from "./element.mjs";
import { listen, started } from "./feed.mjs";
import { clearMail, joinMail } from "./mail.mjs";
import "./rules.mjs";
import { become, me, reconnect, socket } from "./session.mjs";
import "./sources.mjs";
import "./wire.mjs";

// At every connect and reconnect: a new session has joined nothing yet.
socket.on("hub:ready", async (ready) => {
  await started(ready);
  if (me !== ready) return;
  joinBoard();
  await joinMail(ready); // before the open article is told of again, which may bring one
  await listen(ready);
});

const choose = (e) => {
  clearMail();
  become(e.target.dataset.become ?? e.target.value);
};
$("people").addEventListener("change", choose);
for (const button of document.querySelectorAll("[data-become]")) button.addEventListener("click", choose);
$("again").addEventListener("click", reconnect);

socket.connect();
