import type { Random } from "../../src/base/random.ts";
import type { Kind } from "../../src/model/kinds.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { ApiError, isTooManyRequests, type KubeApi, type Ref } from "../../src/ports/kube-api.ts";
import { ContainerLogs } from "../../src/simulation/kubelet/container-logs.ts";
import {
  DEFAULT_KUBELET_OPTIONS,
  type KubeletOptions,
  type KubeletState,
  Kubelets,
  type KubeletWriter,
} from "../../src/simulation/kubelet/kubelets.ts";
import { watchState } from "./watched-state.ts";

export type RemoteKubelets = { kubelets: Kubelets; state: KubeletState; stop(): Promise<void> };

/** The simulation's kubelets at work in a cluster that is reached over its API: they play every fake node in it. */
export function startRemoteKubelets(
  api: KubeApi,
  clock: Clock,
  random: Random,
  options: Partial<KubeletOptions> = {},
): RemoteKubelets {
  const state = watchState(api, clock, random.fork("state"));
  const writer = new LateWriter(api, clock);
  const kubelets = new Kubelets({
    clock,
    random: random.fork("kubelets"),
    state,
    writer,
    recordEvent: () => undefined,
    logs: new ContainerLogs(clock),
    options: { ...DEFAULT_KUBELET_OPTIONS, ...options },
  });
  return {
    kubelets,
    state,
    async stop() {
      kubelets.stop();
      await state.stop();
      await writer.stop();
    },
  };
}

const RETRY_MS = 500;
const TRIES_MAX = 60;

/** Sends writes one after the other for each object, again where the server does not answer or is too busy. */
class LateWriter implements KubeletWriter {
  readonly #api: KubeApi;
  readonly #clock: Clock;
  readonly #last = new Map<string, Promise<void>>();
  #isStopped = false;

  constructor(api: KubeApi, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  create: KubeletWriter["create"] = (kind, object) =>
    this.#send(kind, object.metadata as Ref, () => this.#api.create(kind, object));

  patch: KubeletWriter["patch"] = (kind, ref, body) =>
    this.#send(kind, ref, () => this.#api.patch(kind, ref, { type: "merge", body }));

  patchStatus: KubeletWriter["patchStatus"] = (kind, ref, status) =>
    this.#send(kind, ref, () =>
      this.#api.patch(kind, ref, { type: "merge", body: { status } }, { subresource: "status" }),
    );

  delete: KubeletWriter["delete"] = (kind, ref, options) =>
    this.#send(kind, ref, () => this.#api.delete(kind, ref, options));

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#last.values());
  }

  #send(kind: Kind, { namespace = "", name }: Ref, write: () => Promise<unknown>): void {
    const key = `${kind.plural} ${namespace}/${name}`;
    const done = (this.#last.get(key) ?? Promise.resolve()).then(() => this.#insist(write));
    this.#last.set(key, done);
    void done.then(() => this.#last.get(key) === done && this.#last.delete(key));
  }

  /** A refusal that another try would not change ends it: the object is gone, or somebody else was first. */
  async #insist(write: () => Promise<unknown>): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX && !this.#isStopped; tries += 1) {
      try {
        await write();
        return;
      } catch (error) {
        if (error instanceof ApiError && error.code < 500 && !isTooManyRequests(error)) return;
        await this.#clock.sleep(RETRY_MS);
      }
    }
  }
}
