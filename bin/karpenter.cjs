#!/usr/bin/env node
// Old JavaScript on purpose: it must run far enough on any Node to say that the Node is too old.
var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    "KARP_NODE_TOO_OLD: Node " +
      process.versions.node +
      " runs this, 24 or newer is needed\n" +
      '  do this: on Linux run "npm ci" (it brings Node 24) and start through npm or npx; elsewhere install Node 24 or newer',
  );
  process.exit(3);
}
require("node:module").enableCompileCache();
void import("../apps/cli/main.ts");
