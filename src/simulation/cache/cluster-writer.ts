import type { Kind } from "../../model/kinds.ts";
import type { Draft, KubeObject } from "../../model/object.ts";
import type { DeleteOptions, Ref } from "../../ports/kube-api.ts";
import type { ApiServer } from "../api-server/api-server.ts";
import type { ApiRequest, PatchType } from "../api-server/requests.ts";

/** Writes of the simulated control plane: answered at once, refused with ApiError. */
export class ClusterWriter {
  readonly #server: ApiServer;
  readonly #user: string;

  /** @param user the name that owns the written fields, such as "kube-controller-manager" */
  constructor(server: ApiServer, user: string) {
    this.#server = server;
    this.#user = user;
  }

  create<T extends KubeObject>(kind: Kind<T>, object: Draft<T>): T {
    const { namespace } = object.metadata;
    return this.#send(
      kind,
      { ...(namespace === undefined ? {} : { namespace }) },
      { verb: "create", body: object },
    ) as T;
  }

  /** Merge patch of the object itself. */
  patch<T extends KubeObject>(kind: Kind<T>, ref: Ref, body: unknown): T {
    return this.#send(kind, ref, { verb: "patch", patchType: "merge" satisfies PatchType, body }) as T;
  }

  /** Merge patch of its status. */
  patchStatus<T extends KubeObject>(kind: Kind<T>, ref: Ref, status: unknown): T {
    const request = { verb: "patch", patchType: "merge", subresource: "status", body: { status } } as const;
    return this.#send(kind, ref, request) as T;
  }

  update<T extends KubeObject>(kind: Kind<T>, object: T): T {
    return this.#send(kind, refOf(object), { verb: "update", body: object }) as T;
  }

  delete(kind: Kind, ref: Ref, options: DeleteOptions = {}): void {
    const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
    this.#send(kind, ref, {
      verb: "delete",
      query: {
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
        ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      },
      ...(preconditions === undefined ? {} : { body: { apiVersion: "v1", kind: "DeleteOptions", preconditions } }),
    });
  }

  /** POST to a subresource such as "binding". */
  act(kind: Kind, ref: Ref, subresource: string, body: unknown): void {
    this.#send(kind, ref, { verb: "create", subresource, body });
  }

  #send(kind: Kind, ref: Partial<Ref>, request: Omit<ApiRequest, "resource">): KubeObject {
    const resource = this.#server.resourceOfKind(kind);
    return this.#server.handle({ ...ref, ...request, resource, user: this.#user }).body as KubeObject;
  }
}

/** Name, and namespace where it has one. */
export function refOf(object: KubeObject): Ref {
  const { name, namespace } = object.metadata;
  return namespace === undefined ? { name } : { name, namespace };
}
