import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UserError } from "../base/errors.ts";
import { type EndpointsOptions, serveEndpoints } from "./http-endpoints.ts";

const base = { host: "127.0.0.1", metricsPort: 0, healthProbePort: 0, expose: () => "up 1\n", readyChecks: {} };

async function withEndpoints(
  over: Partial<EndpointsOptions>,
  use: (urls: { metrics: string; health: string }) => Promise<void>,
): Promise<void> {
  const endpoints = await serveEndpoints({ ...base, ...over });
  try {
    await use({
      metrics: `http://127.0.0.1:${endpoints.metricsPort}`,
      health: `http://127.0.0.1:${endpoints.healthProbePort}`,
    });
  } finally {
    await endpoints.close();
  }
}

async function get(url: string): Promise<[number, string]> {
  const response = await fetch(url);
  return [response.status, await response.text()];
}

describe("HTTP endpoints", () => {
  it("serve the metrics, and profiles only when asked to", async () => {
    await withEndpoints({}, async ({ metrics }) => {
      const response = await fetch(`${metrics}/metrics`);
      assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
      assert.equal(await response.text(), "up 1\n");
      assert.equal((await get(`${metrics}/other`))[0], 404);
      assert.equal((await get(`${metrics}/debug/pprof/`))[0], 404);
    });
    await withEndpoints({ isProfiling: true }, async ({ metrics }) => {
      assert.match((await get(`${metrics}/debug/pprof/`))[1], /profile\?seconds=30/);
      assert.equal((await get(`${metrics}/debug/pprof/none`))[0], 404);
      assert.equal((await get(`${metrics}/debug/pprof/profile?seconds=0`))[0], 400);
      const [code, text] = await get(`${metrics}/debug/pprof/profile?seconds=0.05`);
      assert.equal(code, 200);
      assert.ok(Array.isArray(JSON.parse(text).nodes));
    });
  });

  it("answer health probes as Kubernetes does", async () => {
    let isSynced = false;
    const readyChecks = {
      manager: () => isSynced,
      crd: () => {
        if (!isSynced) throw new RangeError("broken");
        return true;
      },
    };
    await withEndpoints({ readyChecks }, async ({ health }) => {
      const failing = "[-]manager failed\n[-]crd failed\n[+]readyz ok\nreadyz check failed\n";
      assert.deepEqual(await get(`${health}/readyz`), [500, failing]);
      assert.deepEqual(await get(`${health}/readyz?exclude=manager&exclude=crd`), [200, "ok"]);
      assert.equal((await get(`${health}/readyz/manager`))[0], 500);
      assert.deepEqual(await get(`${health}/readyz/readyz`), [200, "ok"]);
      assert.equal((await get(`${health}/readyz/none`))[0], 404);
      assert.deepEqual(await get(`${health}/healthz`), [200, "ok"]);
      isSynced = true;
      assert.deepEqual(await get(`${health}/readyz`), [200, "ok"]);
      const verbose = "[+]manager ok\n[+]crd ok\n[+]readyz ok\nreadyz check passed\n";
      assert.deepEqual(await get(`${health}/readyz?verbose`), [200, verbose]);
      assert.equal((await get(`${health}/other`))[0], 404);
    });
  });

  it("name the setting when a port is taken, and leave none open", async () => {
    await withEndpoints({}, async ({ health }) => {
      const taken = Number(new URL(health).port);
      await assert.rejects(serveEndpoints({ ...base, healthProbePort: taken }), (error) => {
        assert.ok(error instanceof UserError);
        assert.equal(error.code, "KARP_PORT_IN_USE");
        assert.match(error.remedy, /--health-probe-port/);
        return true;
      });
    });
  });
});
