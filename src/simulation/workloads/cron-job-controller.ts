import { formatTime, parseTime } from "../../base/time.ts";
import { nextAfterMs, parseCron } from "../../model/cron.ts";
import { keyOf } from "../../model/object.ts";
import { isAlreadyExists } from "../../ports/kube-api.ts";
import { refOf } from "../cache/cluster-writer.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { CRON_JOBS, type CronJob, JOBS, type Job } from "./kinds.ts";
import { controllerReference, isSame } from "./pods.ts";

/** Starts Jobs on time (UTC), with the three concurrency policies and history limits. */
export function startCronJobController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const cronJobs = state.of(CRON_JOBS);
  const enqueue = loop.add("cronjob", (key) => reconcile(needs, key));
  cronJobs.onChange((_, after) => {
    if (after !== undefined) enqueue(keyOf(after));
  });
  for (const cronJob of cronJobs.values()) enqueue(keyOf(cronJob));
  state.of(JOBS).onChange((before, after) => {
    const job = (after ?? before) as Job;
    const owner = job.metadata.ownerReferences?.find(({ kind }) => kind === "CronJob");
    if (owner !== undefined) enqueue(`${job.metadata.namespace}/${owner.name}`);
  });
}

const isOver = (job: Job): boolean =>
  job.status?.conditions?.some(({ type, status }) => (type === "Complete" || type === "Failed") && status === "True") ??
  false;

function reconcile(needs: ControllerNeeds, key: string): number | undefined {
  const cronJob = needs.state.of(CRON_JOBS).get(key);
  if (cronJob === undefined || cronJob.metadata.deletionTimestamp !== undefined) return undefined;
  const jobs = needs.state.of(JOBS).controlledBy(cronJob.metadata.uid);
  forgetOld(needs, cronJob, jobs);
  const parsed = parseCron(cronJob.spec.schedule);
  if (cronJob.spec.suspend === true || !("schedule" in parsed)) return undefined;
  const nowMs = needs.clock.nowMs();
  const lastMs = parseTime(cronJob.status?.lastScheduleTime ?? cronJob.metadata.creationTimestamp) ?? nowMs;
  let dueMs: number | undefined;
  let nextMs = nextAfterMs(parsed.schedule, lastMs);
  while (nextMs !== undefined && nextMs <= nowMs) {
    dueMs = nextMs;
    nextMs = nextAfterMs(parsed.schedule, nextMs);
  }
  if (dueMs !== undefined) startJob(needs, cronJob, jobs, dueMs);
  else writeStatus(needs, cronJob, cronJob.status?.lastScheduleTime);
  return nextMs === undefined ? undefined : nextMs - nowMs;
}

function startJob(needs: ControllerNeeds, cronJob: CronJob, jobs: readonly Job[], dueMs: number): void {
  const { writer, recorder, clock } = needs;
  const { concurrencyPolicy = "Allow", startingDeadlineSeconds, jobTemplate } = cronJob.spec;
  const running = jobs.filter((job) => !isOver(job));
  const isLate = startingDeadlineSeconds !== undefined && clock.nowMs() - dueMs > startingDeadlineSeconds * 1_000;
  if (isLate || (concurrencyPolicy === "Forbid" && running.length > 0)) {
    writeStatus(needs, cronJob, formatTime(dueMs));
    return;
  }
  if (concurrencyPolicy === "Replace") {
    for (const job of running) writer.delete(JOBS, refOf(job), { propagationPolicy: "Background" });
  }
  const { labels, annotations } = jobTemplate.metadata ?? {};
  const name = `${cronJob.metadata.name}-${Math.floor(dueMs / 60_000)}`;
  try {
    writer.create(JOBS, {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: {
        name,
        namespace: cronJob.metadata.namespace ?? "default",
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
        ownerReferences: [controllerReference(cronJob)],
      },
      spec: jobTemplate.spec,
    });
    recorder("cronjob-controller")(cronJob, "Normal", "SuccessfulCreate", `Created job ${name}`);
  } catch (e) {
    if (!isAlreadyExists(e)) throw e;
  }
  writeStatus(needs, cronJob, formatTime(dueMs));
}

function writeStatus({ state, writer }: ControllerNeeds, cronJob: CronJob, lastScheduleTime: string | undefined): void {
  const running = state
    .of(JOBS)
    .controlledBy(cronJob.metadata.uid)
    .filter((job) => !isOver(job));
  const active = running.map(({ apiVersion, kind, metadata }) => ({
    apiVersion,
    kind,
    name: metadata.name,
    namespace: metadata.namespace,
    uid: metadata.uid,
  }));
  const status = { active, ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }) };
  if (!isSame(status, { active: [], ...cronJob.status })) writer.patchStatus(CRON_JOBS, refOf(cronJob), status);
}

function forgetOld({ writer }: ControllerNeeds, cronJob: CronJob, jobs: readonly Job[]): void {
  const { successfulJobsHistoryLimit = 3, failedJobsHistoryLimit = 1 } = cronJob.spec;
  for (const [type, limit] of [
    ["Complete", successfulJobsHistoryLimit],
    ["Failed", failedJobsHistoryLimit],
  ] as const) {
    const over = jobs.filter((job) => job.status?.conditions?.some((c) => c.type === type && c.status === "True"));
    over.sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1));
    for (const job of over.slice(0, Math.max(0, over.length - limit))) {
      if (job.metadata.deletionTimestamp === undefined)
        writer.delete(JOBS, refOf(job), { propagationPolicy: "Background" });
    }
  }
}
