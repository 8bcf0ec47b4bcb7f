import { formatTime } from "../../base/time.ts";
import { forbidden as forbiddenField } from "../../model/schema/field-error.ts";
import type { Write } from "./engine.ts";
import { qosClassOf } from "./initial-status.ts";
import { isObject, type JsonObject, objectAt, objectsAt, sameJson, textAt } from "./json.ts";
import { withoutNulls } from "./own-copy.ts";
import { canonicalizeResources } from "./pod-defaults.ts";
import { podSpecErrors } from "./pod-validation.ts";
import { badRequest, conflict, invalidObject, refusal } from "./refusals.ts";
import type { RawObject, StatusBody } from "./requests.ts";
import { checkEnvelope } from "./strategy.ts";
import { replaceObject, storedOf, storeVersion, uidConflict } from "./writes.ts";

const SUCCESS: StatusBody = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };

/**
 * Binds a pod to a node, as the scheduler asks for.
 * @throws ApiError 409 when it is bound, gated or going
 */
export function bindPod(write: Write, name: string, body: unknown): StatusBody {
  if (!isObject(body)) throw badRequest("the body of the request must be a Binding");
  const target = objectAt(body, "target");
  const nodeName = textAt(target, "name") ?? "";
  const kind = textAt(target, "kind") ?? "";
  if (nodeName === "") throw badRequest("target.name: Required value");
  if (kind !== "" && kind !== "Node") throw badRequest(`target.kind: Unsupported value: "${kind}"`);
  const current = storedOf(write, name);
  const { object } = current;
  const uid = textAt(objectAt(body, "metadata"), "uid") ?? "";
  if (uid !== "" && uid !== object.metadata.uid) throw uidConflict(write.resource, name, uid, object.metadata.uid);
  const spec = objectAt(object, "spec") ?? {};
  const refuse = (why: string): Error => conflict({ ...write.resource, plural: "pods/binding" }, name, why);
  if (object.metadata.deletionTimestamp !== undefined) {
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (typeof spec["nodeName"] === "string" && spec["nodeName"] !== "") {
    throw refuse(`pod ${name} is already assigned to node "${spec["nodeName"]}"`);
  }
  if (objectsAt(spec, "schedulingGates").length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  if (write.query.dryRun !== true) storeVersion(write, current, boundPod(write, object, nodeName, body));
  return SUCCESS;
}

function boundPod(write: Write, pod: RawObject, nodeName: string, body: JsonObject): RawObject {
  const status = objectAt(pod, "status") ?? {};
  const annotations = objectAt(objectAt(body, "metadata"), "annotations") as Record<string, string> | undefined;
  const others = objectsAt(status, "conditions").filter((condition) => condition["type"] !== "PodScheduled");
  const scheduled = {
    type: "PodScheduled",
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: formatTime(write.engine.clock.nowMs()),
  };
  return {
    ...pod,
    metadata:
      annotations === undefined
        ? pod.metadata
        : { ...pod.metadata, annotations: { ...pod.metadata.annotations, ...annotations } },
    spec: { ...(objectAt(pod, "spec") ?? {}), nodeName },
    status: { ...status, conditions: [...others, scheduled] },
  };
}

/** Only spec.ephemeralContainers may change, and only grow. */
export function updateEphemeralContainers(write: Write, name: string, body: unknown): RawObject {
  checkEnvelope(write.resource, body);
  const { object } = storedOf(write, name);
  const wanted = objectsAt(objectAt(body, "spec"), "ephemeralContainers");
  const present = objectsAt(objectAt(object, "spec"), "ephemeralContainers");
  if (!present.every((old) => wanted.some((c) => c["name"] === old["name"]))) {
    throw invalidObject(write.resource, name, [
      forbiddenField("spec.ephemeralContainers", "existing ephemeral containers may not be removed"),
    ]);
  }
  const current = storedOf(write, name);
  const spec = { ...(objectAt(object, "spec") ?? {}), ephemeralContainers: withoutNulls(wanted) };
  const next: RawObject = { ...object, spec };
  return write.query.dryRun === true ? next : storeVersion(write, current, next);
}

/** Only the resources of containers may change; the class of service must stay. */
export function resizePod(write: Write, name: string, body: unknown): RawObject {
  checkEnvelope(write.resource, body);
  const current = storedOf(write, name);
  const spec = objectAt(current.object, "spec") ?? {};
  const wanted = objectAt(withoutNulls(body), "spec") ?? {};
  const next: JsonObject = { ...spec };
  for (const field of ["containers", "initContainers"]) {
    if (spec[field] === undefined) continue;
    next[field] = objectsAt(spec, field).map((container, i) => {
      const resources = objectAt(objectsAt(wanted, field)[i], "resources");
      if (resources === undefined) return container;
      canonicalizeResources(resources);
      return sameJson(resources, container["resources"]) ? container : { ...container, resources };
    });
  }
  const errors = podSpecErrors(next, "spec");
  if (qosClassOf(next) !== qosClassOf(spec)) {
    errors.push(forbiddenField("spec", "Pod QOS Class may not change as a result of resizing"));
  }
  if (errors.length > 0) throw invalidObject(write.resource, name, errors);
  const resized = { ...current.object, spec: next };
  if (write.query.dryRun === true || sameJson(spec, next)) return resized;
  const counted = { ...resized.metadata, generation: (resized.metadata.generation ?? 0) + 1 };
  return storeVersion(write, current, { ...resized, metadata: counted });
}

/** A namespace whose content is gone loses its own finalizers, and goes. */
export function finalizeNamespace(write: Write, name: string, body: unknown): RawObject {
  checkEnvelope(write.resource, body);
  const current = storedOf(write, name);
  const { finalizers, ...rest } = objectAt(body, "spec") ?? {};
  const kept = Array.isArray(finalizers) ? finalizers : [];
  const spec = kept.length === 0 ? rest : { ...rest, finalizers: kept };
  return storeVersion(write, current, { ...current.object, spec });
}

/** An approval is a status of which only the conditions are taken. */
export function approveRequest(write: Write, name: string, body: unknown): RawObject {
  checkEnvelope(write.resource, body);
  const { object } = storedOf(write, name);
  const conditions = objectsAt(objectAt(body, "status"), "conditions");
  const status = { ...(objectAt(object, "status") ?? {}), conditions };
  return replaceObject({ ...write, subresource: "status" }, name, { ...object, status });
}

/** A token that says whose it is; nothing checks it, as requests over plain HTTP carry none. */
export function requestToken(write: Write, name: string, body: unknown): JsonObject {
  const account = storedOf(write, name).object;
  const spec = objectAt(body, "spec") ?? {};
  const seconds = typeof spec["expirationSeconds"] === "number" ? spec["expirationSeconds"] : 3_600;
  if (seconds < 600)
    throw refusal(
      422,
      "Invalid",
      "spec.expirationSeconds: Invalid value: may not specify a duration less than 10 minutes",
      {},
    );
  const nowMs = write.engine.clock.nowMs();
  const claims = {
    sub: `system:serviceaccount:${account.metadata.namespace}:${name}`,
    iat: Math.floor(nowMs / 1_000),
    exp: Math.floor(nowMs / 1_000) + seconds,
  };
  const part = (value: unknown): string => btoa(JSON.stringify(value)).replaceAll("=", "");
  return {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: { name, namespace: account.metadata.namespace, creationTimestamp: formatTime(nowMs) },
    spec: { ...spec, audiences: spec["audiences"] ?? ["https://kubernetes.default.svc"], expirationSeconds: seconds },
    status: {
      token: `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.${part(account.metadata.uid)}`,
      expirationTimestamp: formatTime(nowMs + seconds * 1_000),
    },
  };
}
