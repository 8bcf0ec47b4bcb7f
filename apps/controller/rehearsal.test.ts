import assert from "node:assert/strict";
import { it } from "node:test";
import { rehearsePlans } from "./rehearsal.ts";

it("a rehearsal gives others their turn and ends", async () => {
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
  }, 0);
  await rehearsePlans();
  clearInterval(ticking);
  assert.ok(turns > 0);
});
