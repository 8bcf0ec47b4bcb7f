// Old JavaScript on purpose: it must run far enough on any Node to say that the Node is too old.
var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    "KARP_NODE_TOO_OLD: Node " +
      process.versions.node +
      ' runs this, 24 or newer is needed\n  do this: on Linux run "npm ci" (it brings Node 24); elsewhere install Node 24 or newer',
  );
  process.exit(3);
}
require("node:module").enableCompileCache();
// "npm test -- src/model" runs the tests below that path.
var wanted = process.argv.slice(2);
var globs =
  wanted.length > 0
    ? []
    : ["src/**/*.test.ts", "apps/**/*.test.ts", "test/**/*.test.ts", "tools/**/*.test.ts", "bench/**/*.test.ts"];
wanted.forEach((path) => {
  globs.push(/\.ts$/.test(path) ? path : path.replace(/\/$/, "") + "/**/*.test.ts");
});
var child = require("node:child_process").spawnSync(
  process.execPath,
  ["--test", "--test-isolation=none", "--disallow-code-generation-from-strings"].concat(globs),
  { stdio: "inherit" },
);
process.exit(child.status === null ? 1 : child.status);
