import type { Clock } from "../../ports/clock.ts";
import type { LogLine, LogSource, LogTarget } from "../api-server/http/sources.ts";

type Run = {
  lines: LogLine[];
  followers: Set<{ onLine: (line: LogLine) => void; onEnd: () => void }>;
  hasEnded: boolean;
};

const LINES_MAX = 20_000;

/** The output of simulated containers, kept in memory; old lines make room for new ones. */
export class ContainerLogs implements LogSource {
  readonly #clock: Clock;
  readonly #runs = new Map<string, Run>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Opens the log of a container that has just started. */
  start(podUid: string, container: string): void {
    const key = `${podUid}/${container}`;
    if (!this.#runs.has(key)) this.#runs.set(key, { lines: [], followers: new Set(), hasEnded: false });
  }

  write(podUid: string, container: string, text: string): void {
    const run = this.#runs.get(`${podUid}/${container}`);
    if (run === undefined || run.hasEnded) return;
    const line = { atMs: this.#clock.nowMs(), text };
    run.lines.push(line);
    if (run.lines.length > LINES_MAX) run.lines.splice(0, LINES_MAX / 10);
    for (const { onLine } of run.followers) onLine(line);
  }

  /** Tells the followers that the container has ended; its lines stay until `forget`. */
  end(podUid: string, container: string): void {
    const run = this.#runs.get(`${podUid}/${container}`);
    if (run === undefined || run.hasEnded) return;
    run.hasEnded = true;
    for (const { onEnd } of run.followers) onEnd();
    run.followers.clear();
  }

  forget(podUid: string, container: string): void {
    this.end(podUid, container);
    this.#runs.delete(`${podUid}/${container}`);
  }

  read({ podUid, container }: LogTarget, previous: boolean): readonly LogLine[] | undefined {
    return previous ? undefined : this.#runs.get(`${podUid}/${container}`)?.lines;
  }

  follow({ podUid, container }: LogTarget, onLine: (line: LogLine) => void, onEnd: () => void): () => void {
    const run = this.#runs.get(`${podUid}/${container}`);
    if (run === undefined || run.hasEnded) {
      const cancel = this.#clock.after(0, onEnd);
      return cancel;
    }
    const follower = { onLine, onEnd };
    run.followers.add(follower);
    return () => {
      run.followers.delete(follower);
    };
  }
}
