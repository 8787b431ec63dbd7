// What docs/guide/feature.md says of its page: what one window says, both show; an
// empty line is refused, with its rule. A browser beside other tests may be slow:
// each step has a minute.
import { chromium } from "playwright-core";

const [url] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  timeout: 60_000,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const trouble = [];

const open = async () => {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (m) => {
    if (m.type() === "error" && !m.location().url.endsWith("/favicon.ico")) trouble.push(m.text());
  });
  await page.goto(url);
  await shows(page, "output", "joined");
  return page;
};
const shows = (page, selector, text) => page.locator(selector).filter({ hasText: text }).waitFor();
const say = async (page, text) => {
  await page.fill("input", text);
  await page.press("input", "Enter");
};

try {
  const windows = [await open(), await open()];
  const line = `Hello from <b>one</b> window, ${Date.now()}`; // text stays text
  await say(windows[0], line);
  for (const page of windows) await shows(page, "li", line);
  await shows(windows[0], "output", "said");
  await say(windows[1], "");
  await shows(windows[1], "output", "text: must be at least 1 characters");
  await windows[1].getByRole("button").click(); // the button does what Enter does
  const counts = await Promise.all(windows.map((page) => page.locator("li").count()));
  if (counts.some((n) => n !== 1)) throw new Error(`the windows show ${counts} lines, not one each`);
  if (trouble.length > 0) throw new Error(trouble.join("\n"));
} finally {
  await browser.close();
}
