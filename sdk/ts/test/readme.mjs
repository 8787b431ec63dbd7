// The README's code compiles: each block is a module, and tsc reads them with the type tests.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const folder = new URL("readme/", import.meta.url);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const blocks = [...text.matchAll(/^```(tsx?)\n(.*?)^```$/gms)];
if (blocks.length === 0) throw new Error("README.md has no code");
for (const [i, [, language, code]] of blocks.entries()) writeFileSync(new URL(`${i + 1}.${language}`, folder), code);
