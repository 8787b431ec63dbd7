import { $, make } from "./element.mjs";

// tell shows a refusal in the hub's own words, with the rules that were broken.
export function tell(id, error, good) {
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

// joined shows whether a panel's channel was joined, and why not.
export function joined(panel, channel, answer) {
  $(`${panel}-channel`).textContent = channel;
  $(`${panel}-tag`).textContent = answer.ok ? "joined" : "refused";
  $(`${panel}-tag`).dataset.ok = answer.ok;
  tell(`${panel}-answer`, answer.error);
}
