// Notifications: a channel for each user.
import { $, make } from "./element.mjs";
import { joined } from "./refusal.mjs";
import { ask, me, nameOf, people, socket } from "./session.mjs";

const MAILS = 5;

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
export async function joinMail({ userId }) {
  const user = userId || other().dataset.user;
  $("mail-other").textContent = `Listen to ${nameOf(other().dataset.user)}’s`;
  $("mail-ann").hidden = userId === "user_1";
  const answer = await ask("hub:subscribe", mailOf(user));
  joined("mail", mailOf(user), answer);
  $("mail-empty").hidden = !answer.ok || $("mail").children.length > 0;
}

$("mail-other").addEventListener("click", async () => {
  const channel = mailOf(other().dataset.user);
  joined("mail", channel, await ask("hub:subscribe", channel));
});

export function clearMail() {
  $("mail").replaceChildren();
  $("mail-empty").hidden = false;
}
