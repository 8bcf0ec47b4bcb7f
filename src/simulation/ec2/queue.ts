import { formatTime } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import { AwsError, type QueueMessage } from "../../providers/aws/aws-api.ts";

type Stored = { id: string; body: string; visibleMs: number };

const MESSAGES_MAX = 10;
const WAIT_MS = 5_000;
const VISIBILITY_MS = 20_000;

/** An SQS queue that gets what EventBridge tells of instances: at least once, and not in order. */
export class SimulatedQueue {
  readonly name: string;
  readonly #clock: Clock;
  readonly #messages = new Map<string, Stored>();
  #sent = 0;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.#clock = clock;
  }

  get length(): number {
    return this.#messages.size;
  }

  /** Any text; what EventBridge sends is made by `event`. */
  send(body: string): void {
    this.#sent += 1;
    const id = `message-${this.#sent}`;
    this.#messages.set(id, { id, body, visibleMs: 0 });
  }

  event(source: string, type: string, detail: unknown): void {
    const time = formatTime(this.#clock.nowMs());
    this.send(JSON.stringify({ version: "0", source, "detail-type": type, time, detail }));
  }

  url(name: string): string {
    if (name === this.name) return `https://sqs.example/${name}`;
    throw new AwsError("sqs:GetQueueUrl", "QueueDoesNotExist", "The specified queue does not exist.");
  }

  /** Waits for the first message, up to five seconds. */
  async receive(): Promise<QueueMessage[]> {
    const untilMs = this.#clock.nowMs() + WAIT_MS;
    for (;;) {
      const taken = this.#take();
      if (taken.length > 0 || this.#clock.nowMs() >= untilMs) return taken;
      await this.#clock.sleep(WAIT_MS / 10);
    }
  }

  remove(receipt: string): void {
    this.#messages.delete(receipt);
  }

  #take(): QueueMessage[] {
    const nowMs = this.#clock.nowMs();
    const visible = [...this.#messages.values()].filter(({ visibleMs }) => visibleMs <= nowMs).slice(0, MESSAGES_MAX);
    for (const message of visible) message.visibleMs = nowMs + VISIBILITY_MS;
    return visible.map(({ id, body }) => ({ id, receipt: id, body }));
  }
}
