// The package is small beside socket.io-client: minified and compressed as a page gets it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

test("under 5 kB beside socket.io-client", async (t) => {
  const { outputFiles } = await build({
    entryPoints: [new URL("../dist/index.js", import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["socket.io-client"],
    write: false,
    legalComments: "none",
  });
  const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  t.diagnostic(`${outputFiles[0].contents.length} bytes minified, ${bytes} gzipped`);
  assert.ok(bytes < 5000, `${bytes} bytes gzipped`);
});
