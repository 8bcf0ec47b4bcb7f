import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UserError } from "../base/errors.ts";
import { asksForHelp, defaultSettings, parseSettings, settingsHelp } from "./settings.ts";
import { SETTINGS_TABLE } from "./settings-table.ts";

const start = (argv: string[], env: Record<string, string> = {}) => parseSettings({ argv, env });

function refusal(argv: string[], env: Record<string, string> = {}): UserError {
  try {
    start(argv, env);
  } catch (error) {
    assert.ok(error instanceof UserError);
    return error;
  }
  assert.fail("the start was not refused");
}

describe("settings", () => {
  it("have the defaults of the reference", () => {
    const settings = defaultSettings();
    assert.deepEqual(settings.featureGates, {
      nodeRepair: false,
      reservedCapacity: true,
      spotToSpotConsolidation: false,
      nodeOverlay: false,
      staticCapacity: false,
      capacityBuffer: false,
    });
    assert.deepEqual(
      [settings.metricsPort, settings.healthProbePort, settings.kubeClientQps, settings.kubeClientBurst],
      [8080, 8081, 200, 300],
    );
    assert.deepEqual([settings.batchMaxDurationMs, settings.batchIdleDurationMs], [10_000, 1_000]);
    assert.deepEqual(
      [settings.leaseDurationMs, settings.leaseRenewDeadlineMs, settings.leaseRetryMs],
      [15_000, 10_000, 2_000],
    );
    assert.equal(settings.leaderElectionName, "karpenter-leader-election");
    assert.equal(settings.disableControllerWarmup, true);
    assert.equal(settings.ignoreDraRequests, true);
    assert.deepEqual(settings.warnings, []);
  });

  it("take the flag before the variable before the default", () => {
    const env = { METRICS_PORT: "9000" };
    assert.equal(start([]).metricsPort, 8080);
    assert.equal(start([], env).metricsPort, 9000);
    assert.equal(start(["--metrics-port=9100"], env).metricsPort, 9100);
  });

  it("read every way to write a flag, the last one wins", () => {
    const cases: [string[], number][] = [
      [["--metrics-port=1"], 1],
      [["-metrics-port=2"], 2],
      [["--metrics-port", "3"], 3],
      [["-metrics-port", "4"], 4],
      [["--metrics-port=5", "--metrics-port", "6"], 6],
      [["--metrics-port=0x50"], 80],
    ];
    for (const [argv, want] of cases) assert.equal(start(argv).metricsPort, want, argv.join(" "));
  });

  it("read booleans as Go does: two words in flags, twelve in variables", () => {
    assert.equal(start(["--enable-profiling"]).enableProfiling, true);
    assert.equal(start(["--enable-profiling=true"]).enableProfiling, true);
    assert.equal(
      start(["--disable-leader-election=true", "--disable-leader-election=false"]).disableLeaderElection,
      false,
    );
    assert.match(refusal(["--enable-profiling=1"]).what, /--enable-profiling is "1"; expected true or false/);
    assert.match(refusal(["--enable-profiling", "false"]).what, /"false" is not a flag/);
    for (const word of ["1", "t", "T", "TRUE", "true", "True"]) {
      assert.equal(start([], { ENABLE_PROFILING: word }).enableProfiling, true, word);
    }
    for (const word of ["0", "f", "F", "FALSE", "false", "False"]) {
      const { enableProfiling, warnings } = start([], { ENABLE_PROFILING: word });
      assert.deepEqual({ enableProfiling, warnings }, { enableProfiling: false, warnings: [] }, word);
    }
  });

  it("keep the default for an unreadable variable, and say so", () => {
    const settings = start([], { METRICS_PORT: "eighty", ENABLE_PROFILING: "yes", BATCH_IDLE_DURATION: "2" });
    assert.deepEqual(
      [settings.metricsPort, settings.enableProfiling, settings.batchIdleDurationMs],
      [8080, false, 1_000],
    );
    assert.equal(settings.warnings.length, 3);
    assert.match(settings.warnings[0] ?? "", /METRICS_PORT is "eighty"/);
    assert.deepEqual(start([], { METRICS_PORT: "" }).warnings, []);
  });

  it("collect all mistakes in one error", () => {
    const error = refusal(
      [
        "--metrics-port=99999",
        "--no-such",
        "thing",
        "--log-level=warn",
        "stray",
        "--batch-idle-duration=-1s",
        "--lease-retry",
      ],
      { PREFERENCE_POLICY: "respect", FEATURE_GATES: "NodeRepair=true,Bare" },
    );
    assert.equal(error.code, "KARP_BAD_SETTINGS");
    for (const part of [
      /--metrics-port is "99999"; expected a whole number from 0 to 65535/,
      /no flag --no-such/,
      /--log-level is "warn"; expected debug or info or error/,
      /"stray" is not a flag/,
      /--batch-idle-duration is "-1s"; expected a duration of at least 0s/,
      /--lease-retry lacks its value/,
      /PREFERENCE_POLICY is "respect"; expected Ignore or Respect/,
      /"Bare" is neither/,
    ]) {
      assert.match(error.what, part);
    }
    assert.equal(error.what.split("\n").length, 8);
    assert.match(refusal(["--batch-duration=1s"]).what, /near: --batch-max-duration, --batch-idle-duration/);
  });

  it("refuse what this version does not do, by name", () => {
    const cases: [string[], Record<string, string>, RegExp][] = [
      [["--feature-gates=NodeOverlay=true"], {}, /--feature-gates: feature gate NodeOverlay=true/],
      [[], { FEATURE_GATES: "NodeOverlay=true, CapacityBuffer=1" }, /NodeOverlay[\s\S]*CapacityBuffer/],
      [["--disable-controller-warmup=false"], {}, /a standby that watches/],
      [[], { IGNORE_DRA_REQUESTS: "false" }, /IGNORE_DRA_REQUESTS: dynamic resource allocation/],
    ];
    for (const [argv, env, want] of cases) {
      const error = refusal(argv, env);
      assert.equal(error.code, "KARP_FEATURE_NOT_BUILT");
      assert.match(error.what, want);
    }
    assert.equal(refusal(["--feature-gates=NodeOverlay=true", "--bad"]).code, "KARP_BAD_SETTINGS");
  });

  it("accept gates at their default, unknown gates with a warning, and no merge of flag and variable", () => {
    const settings = start(["--feature-gates", " NodeRepair=false,,Later=T,"], {
      FEATURE_GATES: "ReservedCapacity=false",
    });
    assert.equal(settings.featureGates.reservedCapacity, true);
    assert.deepEqual(settings.warnings, ["--feature-gates: there is no feature gate Later; it has no effect"]);
    assert.equal(Object.keys(settings.featureGates).length, 6);
    assert.equal(
      start(["--feature-gates="], { FEATURE_GATES: "ReservedCapacity=f" }).featureGates.reservedCapacity,
      true,
    );
  });

  it("settle what has a rule of its own", () => {
    assert.equal(start(["--cpu-requests=-5"]).cpuRequestsMilli, 1_000);
    assert.match(start(["--memory-limit=1073741824"]).warnings[0] ?? "", /--max-old-space-size=921$/);
    assert.deepEqual(start(["--memory-limit=1"], { NODE_OPTIONS: "--max-old-space-size=768" }).warnings, []);
    assert.equal(start(["--log-level="]).logLevel, "info");
    assert.deepEqual(start(["--log-output-paths=stdout,/var/log/k.log"]).logOutputPaths, ["stdout", "/var/log/k.log"]);
    assert.equal(start(["--node-surcharge=0.025"]).nodeSurchargeUsdPerHour, 0.025);
    assert.match(refusal(["--lease-renew-deadline=20s"]).what, /lease-duration must be longer/);
    assert.match(refusal(["--metrics-port=8081"]).what, /are both 8081/);
  });

  it("have one row each, with names of their own", () => {
    const help = settingsHelp();
    assert.equal(new Set(help.map(({ flag }) => flag)).size, help.length);
    assert.equal(new Set(help.map(({ variable }) => variable)).size, help.length);
    for (const row of Object.values(SETTINGS_TABLE)) assert.match(row.meaning, /^[a-zA-Z].*[^.]$/);
    assert.equal(help.find(({ flag }) => flag === "batch-max-duration")?.default, "10s");
    assert.equal(asksForHelp(["--metrics-port=1", "-h"]), true);
    assert.equal(asksForHelp(["--metrics-port=1"]), false);
  });
});
