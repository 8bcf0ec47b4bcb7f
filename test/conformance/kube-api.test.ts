import { after, before, describe, it } from "node:test";
import { Random } from "../../src/base/random.ts";
import { type Connection, connect } from "../../src/kube/connect.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import { NAMESPACES } from "../../src/model/kinds.ts";
import { crdOf } from "../../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import type { KubeApi } from "../../src/ports/kube-api.ts";
import { type ApiServer, createApiServer } from "../../src/simulation/api-server/api-server.ts";
import { type ServedApi, serveApi } from "../../src/simulation/api-server/http/serve-api.ts";
import { VirtualClock } from "../../src/simulation/clock/virtual-clock.ts";
import { kubeApiCases } from "./cases.ts";

const HISTORY_EVENTS_MAX = 400;

type Simulated = { server: ApiServer; clock: VirtualClock };

function startServer(): Simulated {
  const clock = new VirtualClock(Date.parse("2026-11-21T10:00:00Z"));
  const server = createApiServer({
    clock,
    random: new Random(11),
    history: { eventsMax: HISTORY_EVENTS_MAX },
    crds: CUSTOM_RESOURCES.map(crdOf),
    freeze: true,
  });
  return { server, clock };
}

function runCases(now: () => { api: KubeApi; clock: VirtualClock }): void {
  for (const [i, { name, run }] of kubeApiCases.entries()) {
    it(name, async () => {
      const { api, clock } = now();
      const namespace = `case-${i}`;
      await api.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
      const passTime = async (ms: number): Promise<void> => {
        await clock.runFor(ms);
      };
      await run({ api, namespace, passTime, historyEventsMax: HISTORY_EVENTS_MAX });
    });
  }
}

describe("KubeApi in process", () => {
  const { server, clock } = startServer();
  const api = server.api({ user: "conformance" });
  after(() => server.close());
  runCases(() => ({ api, clock }));
});

describe("KubeApi over HTTP", () => {
  const { server, clock } = startServer();
  let served: ServedApi;
  let connection: Connection;
  before(async () => {
    served = await serveApi({ server, clock });
    connection = await connect({ env: {}, serverUrl: served.url, clock: realClock(), random: new Random(12) });
  });
  after(async () => {
    await connection.close();
    await served.close();
    server.close();
  });
  runCases(() => ({ api: connection.api, clock }));
});
