// Pages in a real Chromium, each of them a client; see lines.mjs for how they
// are driven. One browser for all tests. The pages of one profile share their
// cookies, as the tabs of a window do.
import { chromium } from "playwright-core";
import { serve, write } from "./lines.mjs";

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const profiles = new Map();
const pages = new Map();

const profile = async (name) => {
  let context = profiles.get(name);
  if (!context) {
    context = await browser.newContext();
    profiles.set(name, context);
  }
  return context;
};

// listenTo hears the page's reports. The browser's own binding instead of
// Playwright's, which would answer each report: a stream took twice as long.
const listenTo = async (page, client) => {
  const devtools = await page.context().newCDPSession(page);
  devtools.on("Runtime.bindingCalled", ({ payload }) => write({ client, ...JSON.parse(payload) }));
  await devtools.send("Runtime.enable");
  await devtools.send("Runtime.addBinding", { name: "report" });
};

serve({
  // The page learns from its address what it shall do, so that it still knows
  // after a reload.
  async connect({ client, site, url, options, subscribe }) {
    const page = await (await profile(site)).newPage();
    pages.set(client, page);
    await listenTo(page, client);
    page.on("pageerror", (error) => write({ client, event: "$pageerror", args: [String(error)] }));
    await page.goto(`${site}/#${encodeURIComponent(JSON.stringify({ url, options, subscribe }))}`);
  },

  emit({ client, event, args }) {
    return pages.get(client).evaluate(([event, args]) => { socket.emit(event, ...args); }, [event, args]);
  },

  ack({ client, event, args }) {
    return pages.get(client).evaluate(([event, args]) => ask(socket, event, args), [event, args]);
  },

  async reload({ client }) {
    await pages.get(client).reload();
  },

  sync() {},

  // As a person closes a tab: the page is told nothing.
  async disconnect({ client }) {
    const page = pages.get(client);
    pages.delete(client);
    await page.close();
    const context = page.context();
    if (context.pages().length === 0) {
      for (const [name, c] of profiles) if (c === context) profiles.delete(name);
      await context.close();
    }
  },
}, () => browser.close());
