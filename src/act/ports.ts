import type { Random } from "../base/random.ts";
import type { Settings } from "../model/settings.ts";
import type { ConsolidationPolicy } from "../plan/disrupt/consolidation-policy.ts";
import type { Clock } from "../ports/clock.ts";
import type { CloudProvider } from "../ports/cloud-provider.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Events, Log, Metrics } from "../ports/telemetry.ts";
import type { Mirror } from "../watch/mirror.ts";
import type { ActMemory } from "./memory.ts";

/** What the controllers need from outside: they are functions of this, `disruptionController(needs): Controller`. */
export type Needs = {
  mirror: Mirror;
  api: KubeApi;
  provider: CloudProvider;
  clock: Clock;
  random: Random;
  events: Events;
  metrics: Metrics;
  log: Log;
  settings: Settings;
  memory: ActMemory;
  /** Effort of one search for a plan; default: the planner's own. */
  searchSteps?: number;
  /** Other rules for underutilized nodes than our own: for comparison. */
  consolidation?: ConsolidationPolicy;
};
