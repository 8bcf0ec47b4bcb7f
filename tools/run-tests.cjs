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
// "npm test -- src/model" runs the tests below that path; without a path all run, as two processes: tests of parts beside tests of whole worlds.
var wanted = process.argv.slice(2);
var everywhere = [
  ["src/**/*.test.ts", "apps/**/*.test.ts", "tools/**/*.test.ts", "bench/**/*.test.ts"],
  ["test/**/*.test.ts"],
];
var asked = wanted.map(function (path) {
  return /\.ts$/.test(path) ? path : path.replace(/\/$/, "") + "/**/*.test.ts";
});

function run(globs, stdio, done) {
  var flags = ["--test", "--test-isolation=none", "--disallow-code-generation-from-strings"];
  var child = require("node:child_process").spawn(process.execPath, flags.concat(globs), { stdio: stdio });
  var told = [];
  if (child.stdout) child.stdout.on("data", told.push.bind(told));
  child.on("close", function (code) {
    done(code === 0, Buffer.concat(told));
  });
}

var running = 0;
var held = [];
function start(globs, first) {
  running += 1;
  // Whoever is not the first tells at the end, so that two reports do not mix.
  run(globs, ["inherit", first ? "inherit" : "pipe", "inherit"], function (passed, told) {
    if (!passed) process.exitCode = 1;
    if (told.length > 0) held.push(told);
    running -= 1;
    if (running === 0) process.stdout.write(Buffer.concat(held));
  });
}
if (asked.length > 0) start(asked, true);
else
  everywhere.forEach(function (globs, index) {
    start(globs, index === 0);
  });
