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
// "npm run test:cluster -- scale" runs the suites whose name holds that. Each has a control plane of its own, so they
// come one after the other.
var wanted = process.argv.slice(2);
var folder = require("node:path").join(__dirname, "..", "test", "cluster");
var suites = require("node:fs")
  .readdirSync(folder)
  .filter(function (name) {
    return /\.suite\.ts$/.test(name) && (wanted.length === 0 || wanted.some((part) => name.indexOf(part) >= 0));
  })
  .sort()
  .map((name) => require("node:path").join(folder, name));
var child = require("node:child_process").spawnSync(
  process.execPath,
  ["--test", "--test-concurrency=1", "--test-reporter=spec"].concat(suites),
  { stdio: "inherit" },
);
process.exit(child.status === null ? 1 : child.status);
