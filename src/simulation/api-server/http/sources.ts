/** One line of a container's output. */
export type LogLine = { atMs: number; text: string };

export type LogTarget = { namespace: string; pod: string; podUid: string; container: string };

/** What the kubelets know of containers' output: behind `kubectl logs`. */
export interface LogSource {
  /**
   * The lines written so far, oldest first, of the container's present run or (`previous`) of the one before.
   * @returns undefined when there is no such run: `kubectl logs` then says why
   */
  read(target: LogTarget, previous: boolean): readonly LogLine[] | undefined;
  /**
   * Calls for each line written from now on, and once when the container has ended. Nothing is told before this returns.
   * @returns takes the subscription back
   */
  follow(target: LogTarget, onLine: (line: LogLine) => void, onEnd: () => void): () => void;
}

export type Usage = { cpuMilli: number; memoryBytes: number };

/** What the kubelets measure: behind `kubectl top` (group metrics.k8s.io). */
export interface UsageSource {
  /** @returns undefined when nothing has been measured yet */
  ofNode(name: string): Usage | undefined;
  /** Usage by container; undefined when the pod does not run. */
  ofPod(namespace: string, name: string): readonly (Usage & { container: string })[] | undefined;
}

/** What listens inside pods: behind `kubectl port-forward`. */
export interface ForwardSource {
  /** Where a pod's port is really served on this machine, or undefined when nothing listens there. */
  addressOf(pod: { namespace: string; name: string }, port: number): { host: string; port: number } | undefined;
}
