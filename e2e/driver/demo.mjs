// Tabs of a real Chromium that a person uses; see lines.mjs for how they are driven.
// Nothing here knows the page: what is seen and pressed is named by selectors.
import { chromium } from "playwright-core";
import { serve } from "./lines.mjs";

const PATIENCE = 10_000;

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const tabs = new Map();

const at = (client, selector) => tabs.get(client).page.locator(selector).first();

serve({
  // A profile of its own: nothing is shared with the other tabs but the address.
  async open({ client, url, width, scheme, motion }) {
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: scheme || undefined, reducedMotion: motion || undefined });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const trouble = [];
    page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") trouble.push(`${m.type()}: ${m.text()}`); });
    page.on("pageerror", (error) => trouble.push(`exception: ${error.stack}`));
    tabs.set(client, { page, context, trouble });
    await page.goto(url);
  },

  // What the console said and nobody caught, since the last time.
  trouble: ({ client }) => tabs.get(client)?.trouble.splice(0) ?? [],

  see: ({ client, selector, text }) => tabs.get(client).page.locator(selector).filter({ hasText: text }).first().waitFor(),
  gone: ({ client, selector }) => at(client, selector).waitFor({ state: "hidden" }),
  count: ({ client, selector }) => tabs.get(client).page.locator(selector).count(),
  text: ({ client, selector }) => at(client, selector).innerText(),
  texts: ({ client, selector }) => tabs.get(client).page.locator(selector).allInnerTexts(),
  box: ({ client, selector }) => at(client, selector).boundingBox(),

  click: ({ client, selector }) => at(client, selector).click(),
  fill: ({ client, selector, text }) => at(client, selector).fill(text),
  hover: ({ client, selector, x, y }) => at(client, selector).hover({ position: { x, y } }),

  // The keyboard alone: Tab until the focus is there, as who has no pointer gets there.
  async reach({ client, selector }) {
    const { page } = tabs.get(client);
    for (let presses = 0; presses < 100; presses++) {
      if (await page.evaluate((s) => document.activeElement?.matches(s) && document.activeElement.matches(":focus-visible"), selector)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`100 times Tab do not reach ${selector}`);
  },
  press: ({ client, keys }) => tabs.get(client).page.keyboard.press(keys),
  type: ({ client, text }) => tabs.get(client).page.keyboard.type(text),

  // What the page gets that asks for this by a script.
  fetch: ({ client, url, options }) => tabs.get(client).page.evaluate(
    ([url, options]) => fetch(url, options).then((r) => r.text(), (error) => `failed: ${error}`), [url, options]),

  // What sticks out of a narrow page.
  wide: ({ client }) => tabs.get(client).page.evaluate(() => {
    const inside = (node) => node.closest("pre, .tabs, .board, .wire, .skip, .hidden, legend");
    const out = [...document.querySelectorAll("body *")].filter((n) => !inside(n) && n.getBoundingClientRect().right > innerWidth + 1);
    return document.documentElement.scrollWidth > innerWidth ? ["the page scrolls", ...out.map((n) => n.outerHTML.slice(0, 80))] : [];
  }),

  async shoot({ client, path }) {
    const { page } = tabs.get(client);
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path, fullPage: true, animations: "disabled" });
  },

  reload: ({ client }) => tabs.get(client).page.reload().then(() => {}),

  async close({ client }) {
    const tab = tabs.get(client);
    tabs.delete(client);
    if (!tab) return;
    await tab.page.close();
    await tab.context.close();
  },

  sync() {},
}, () => browser.close());
