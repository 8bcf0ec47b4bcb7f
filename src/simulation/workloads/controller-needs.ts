import type { Random } from "../../base/random.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { ClusterWriter } from "../cache/cluster-writer.ts";
import type { ControlLoop } from "../cache/control-loop.ts";
import type { RecordEvent } from "../cache/event-recorder.ts";

/** What every simulated controller works with. */
export type ControllerNeeds = {
  clock: Clock;
  random: Random;
  state: ClusterState;
  writer: ClusterWriter;
  loop: ControlLoop;
  /** Of the component "deployment-controller" and so on. */
  recorder(component: string): RecordEvent;
};
