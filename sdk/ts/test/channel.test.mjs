import assert from "node:assert/strict";
import { test } from "node:test";
import { channel, template } from "../dist/index.js";

test("a channel is its name", () => {
  assert.deepEqual(channel("blog.article.feed"), { name: "blog.article.feed" });
  assert.equal(template()("board.{board_id}.cell.{x}")({ x: "1", board_id: "b$&" }).name, "board.b$&.cell.1");
});

// As hub/channel's Escape has it.
const escaped = {
  "ann@example.com": "ann@example%2Ecom",
  "a.b{c}d*e>f%g": "a%2Eb%7Bc%7Dd%2Ae%3Ef%25g",
  "two words\t\n\x7f\0": "two%20words%09%0A%7F%00",
  "\u0085\u00a0\u2028\u3000": "%C2%85%C2%A0%E2%80%A8%E3%80%80",
  "größe/\ufeff👩‍👩‍👧": "größe/\ufeff👩‍👩‍👧",
};

test("a param is escaped as the hub reads it", () => {
  for (const [value, want] of Object.entries(escaped)) assert.equal(template()("a.{v}")({ v: value }).name, `a.${want}`);
});

test("a param that no name can carry is refused", () => {
  const of = template()("a.{v}");
  assert.equal(of({ v: "ö".repeat(64) }).name.length, 66);
  for (const v of ["", "ö".repeat(65), "\ud800", "a\udc00", undefined, 5]) assert.throws(() => of({ v }), /the param v is text of 1 to 128 bytes/);
});
