import { formatTime, parseTime } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import { refOf } from "../cache/cluster-writer.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { JOBS, type Job, type WorkloadCondition } from "./kinds.ts";
import { isActive, isReady, isSame, podFromTemplate } from "./pods.ts";

const INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index";

/** Runs pods of a Job to completion, with parallelism, back-off limit, deadline, indexes and clean-up. */
export function startJobController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const jobs = state.of(JOBS);
  const tallies: Tallies = new Map();
  const enqueue = loop.add("job", (key) => reconcile(needs, tallies, key));
  jobs.onChange((before, after) => {
    if (after !== undefined) enqueue(keyOf(after));
    else tallies.delete(before?.metadata.uid ?? "");
  });
  for (const job of jobs.values()) enqueue(keyOf(job));
  state.of(PODS).onChange((before, after) => {
    const pod = (after ?? before) as Pod;
    const owner = pod.metadata.ownerReferences?.find(({ kind, controller }) => kind === "Job" && controller);
    if (owner !== undefined) enqueue(`${pod.metadata.namespace}/${owner.name}`);
  });
}

/** Ends of pods, by uid: they count for ever, also when the pod's object is removed. */
type Tally = { succeeded: Map<string, Pod>; failed: Set<string> };
type Tallies = Map<string, Tally>;
type Counts = { active: Pod[]; succeeded: Pod[]; failed: number };

function reconcile(needs: ControllerNeeds, tallies: Tallies, key: string): number | undefined {
  const job = needs.state.of(JOBS).get(key);
  if (job === undefined || job.metadata.deletionTimestamp !== undefined) return undefined;
  const end = job.status?.conditions?.find(
    ({ type, status }) => (type === "Complete" || type === "Failed") && status === "True",
  );
  if (end !== undefined) return cleanUp(needs, job, end);
  const counts = countsOf(needs, tallies, job);
  const verdict = verdictOn(needs, job, counts);
  const isOver = verdict !== undefined || job.spec.suspend === true;
  if (isOver) for (const pod of counts.active) needs.writer.delete(PODS, refOf(pod));
  else startPods(needs, job, counts);
  writeStatus(needs, job, verdict, countsOf(needs, tallies, job));
  const limitMs = job.spec.activeDeadlineSeconds === undefined ? undefined : job.spec.activeDeadlineSeconds * 1_000;
  return limitMs === undefined || isOver
    ? undefined
    : Math.max(1_000, startedMs(needs, job) + limitMs - needs.clock.nowMs());
}

function countsOf({ state }: ControllerNeeds, tallies: Tallies, job: Job): Counts {
  const tally = tallies.get(job.metadata.uid) ?? { succeeded: new Map<string, Pod>(), failed: new Set<string>() };
  tallies.set(job.metadata.uid, tally);
  const pods = state.of(PODS).controlledBy(job.metadata.uid);
  for (const pod of pods) {
    if (pod.status?.phase === "Succeeded") tally.succeeded.set(pod.metadata.uid, pod);
    if (pod.status?.phase === "Failed") tally.failed.add(pod.metadata.uid);
  }
  return { active: pods.filter(isActive), succeeded: [...tally.succeeded.values()], failed: tally.failed.size };
}

function startedMs({ clock }: ControllerNeeds, job: Job): number {
  return parseTime(job.status?.startTime ?? "") ?? clock.nowMs();
}

function verdictOn(
  needs: ControllerNeeds,
  job: Job,
  { succeeded, failed, active }: Counts,
): WorkloadCondition | undefined {
  const { completions, backoffLimit = 6, activeDeadlineSeconds } = job.spec;
  const now = formatTime(needs.clock.nowMs());
  const end = (type: string, reason: string, message: string): WorkloadCondition => ({
    type,
    status: "True",
    reason,
    message,
    lastTransitionTime: now,
  });
  const isDone =
    completions === undefined ? succeeded.length > 0 && active.length === 0 : doneCount(job, succeeded) >= completions;
  if (isDone) return end("Complete", "CompletionsReached", "Reached expected number of succeeded pods");
  if (failed > backoffLimit)
    return end("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
  if (
    activeDeadlineSeconds !== undefined &&
    needs.clock.nowMs() - startedMs(needs, job) >= activeDeadlineSeconds * 1_000
  ) {
    return end("Failed", "DeadlineExceeded", "Job was active longer than specified deadline");
  }
  return undefined;
}

function doneCount(job: Job, succeeded: readonly Pod[]): number {
  if (job.spec.completionMode !== "Indexed") return succeeded.length;
  return new Set(succeeded.map(indexOf)).size;
}

const indexOf = (pod: Pod): string => pod.metadata.annotations?.[INDEX_ANNOTATION] ?? "";

function startPods({ writer, recorder }: ControllerNeeds, job: Job, { active, succeeded }: Counts): void {
  const { parallelism = 1, completions, template } = job.spec;
  const remaining =
    completions === undefined ? (succeeded.length > 0 ? 0 : parallelism) : completions - doneCount(job, succeeded);
  const wanted = Math.min(parallelism, remaining);
  for (const pod of active.slice(wanted)) writer.delete(PODS, refOf(pod));
  const taken = new Set([...active, ...succeeded].map(indexOf));
  let index = 0;
  for (let i = active.length; i < wanted; i += 1) {
    while (taken.has(String(index))) index += 1;
    taken.add(String(index));
    const draft = podFromTemplate(job, template, { generateName: `${job.metadata.name}-` });
    const names = { "batch.kubernetes.io/job-name": job.metadata.name, "job-name": job.metadata.name };
    const uids = { "batch.kubernetes.io/controller-uid": job.metadata.uid, "controller-uid": job.metadata.uid };
    const isIndexed = job.spec.completionMode === "Indexed";
    const annotations = { ...draft.metadata.annotations, ...(isIndexed ? { [INDEX_ANNOTATION]: String(index) } : {}) };
    const metadata = { ...draft.metadata, labels: { ...draft.metadata.labels, ...names, ...uids }, annotations };
    const pod = writer.create(PODS, { ...draft, metadata });
    recorder("job-controller")(job, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
  }
}

function writeStatus(
  needs: ControllerNeeds,
  job: Job,
  verdict: WorkloadCondition | undefined,
  { active, succeeded, failed }: Counts,
): void {
  const now = formatTime(needs.clock.nowMs());
  const status: NonNullable<Job["status"]> = {
    startTime: job.status?.startTime ?? now,
    active: active.length,
    ready: active.filter(isReady).length,
    succeeded: succeeded.length,
    failed,
    ...(verdict === undefined ? {} : { conditions: [verdict] }),
    ...(verdict?.type === "Complete" ? { completionTime: now } : {}),
  };
  if (isSame(status, job.status)) return;
  needs.writer.patchStatus(JOBS, refOf(job), status);
  if (verdict !== undefined) {
    const [type, reason] =
      verdict.type === "Complete" ? (["Normal", "Completed"] as const) : (["Warning", verdict.reason] as const);
    needs.recorder("job-controller")(
      job,
      type,
      reason,
      verdict.type === "Complete" ? "Job completed" : verdict.message,
    );
  }
}

function cleanUp({ clock, writer }: ControllerNeeds, job: Job, end: WorkloadCondition): number | undefined {
  const ttl = job.spec.ttlSecondsAfterFinished;
  if (ttl === undefined) return undefined;
  const leftMs = (parseTime(end.lastTransitionTime) ?? 0) + ttl * 1_000 - clock.nowMs();
  if (leftMs > 0) return leftMs;
  writer.delete(JOBS, refOf(job), { propagationPolicy: "Background" });
  return undefined;
}
