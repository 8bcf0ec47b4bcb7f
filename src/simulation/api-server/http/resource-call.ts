import { isObject } from "../json.ts";
import { badRequest } from "../refusals.ts";
import type { ApiRequest, ObjectListBody, RawObject, RequestQuery, Verb } from "../requests.ts";
import type { ResourceDefinition } from "../resource-definitions.ts";
import { AUTOSCALING_V1, autoscalerToV1, autoscalerToV2 } from "./autoscaling-v1.ts";
import { type Answered, answerJson, type Call } from "./call.ts";
import { methodNotAllowedOnPath, notAcceptable, unknownPath } from "./http-refusals.ts";
import { METRICS_RESOURCES, usageOf } from "./metrics-api.ts";
import { servePodLog } from "./pod-logs.ts";
import { patchTypeOf, readBody, readObject, readPatch } from "./request-body.ts";
import type { ResourcePath } from "./request-path.ts";
import { flag, readQuery } from "./request-query.ts";
import { answerReview, EVERYBODY, REVIEW_RESOURCES } from "./reviews.ts";
import { eventTable, type IncludeObject, metadataOnly, printerOf, tableOf } from "./tables/table.ts";
import { type EventForm, streamWatch } from "./watch-stream.ts";

/** A request on objects. @throws ApiError */
export async function resourceCall(call: Call, path: ResourcePath): Promise<Answered> {
  if (path.rest.length > 0) throw unknownPath();
  const isOf = (resource: ResourceDefinition): boolean =>
    resource.group === path.group && resource.version === path.version && resource.plural === path.plural;
  const virtual = call.served.virtual.find(isOf);
  if (virtual !== undefined) return virtualCall(call, path, virtual);
  const resource = call.served.server.resource(path.group, path.version, path.plural);
  if (resource === undefined) throw unknownPath();
  if (resource.plural === "pods" && resource.group === "" && path.name !== undefined) {
    if (path.subresource === "log") return podLogCall(call, path, resource);
    if (path.subresource !== undefined && STREAMS.has(path.subresource)) throw needsUpgrade(path.subresource);
  }
  if (!call.accept.takesJson) throw notAcceptable();
  const request = await requestOf(call, path, resource);
  if (request.verb === "watch") {
    streamWatch(call.served, request, call.response, eventForm(call, resource));
    return "answered";
  }
  const { code, body, warnings } = call.served.server.handle(request);
  return answerJson(call, code, inForm(call, resource, path, body), warningHeaders(warnings));
}

const STREAMS = new Set(["exec", "attach", "portforward"]);
const needsUpgrade = (subresource: string): Error =>
  badRequest(`Upgrade request required: ${subresource} is a stream in both directions`);

async function requestOf(call: Call, path: ResourcePath, resource: ResourceDefinition): Promise<ApiRequest> {
  const { namespace, name, subresource } = path;
  const params = call.url.searchParams;
  const query = readQuery(params);
  const verb = verbOf(call.method, name !== undefined, flag(params, "watch") === true);
  if (verb === "watch" && name !== undefined) query.fieldSelector = `metadata.name=${name}`;
  const base: ApiRequest = {
    verb,
    resource,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined || verb === "watch" ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
    query: { ...query, ...managerOf(call, query) },
    user: EVERYBODY.username,
    managedFields: true,
  };
  if (verb === "get" || verb === "list" || verb === "watch") return base;
  // Over HTTP fields are always looked at; only callers in process may do without.
  base.query = { fieldValidation: "Warn", ...base.query };
  const contentType = call.request.headers["content-type"];
  const body = await readBody(call.request);
  if (verb !== "patch") return { ...base, body: readObject(body, contentType) };
  const patchType = patchTypeOf(contentType);
  return { ...base, patchType, body: readPatch(body, patchType) };
}

/** A client that names no field manager is known by its program: "kubectl" of "kubectl/v1.32.9 (linux/amd64)". */
function managerOf(call: Call, query: RequestQuery): Pick<RequestQuery, "fieldManager"> {
  const program = call.request.headers["user-agent"]?.split("/")[0];
  if (query.fieldManager !== undefined || program === undefined || program === "") return {};
  return { fieldManager: program };
}

function verbOf(method: string, hasName: boolean, isWatch: boolean): Verb {
  if (method === "GET") return isWatch ? "watch" : hasName ? "get" : "list";
  if (method === "POST") return "create";
  if (method === "PUT" && hasName) return "update";
  if (method === "PATCH" && hasName) return "patch";
  if (method === "DELETE") return hasName ? "delete" : "deletecollection";
  throw methodNotAllowedOnPath();
}

/** An answer as the client wants it: a Table, bare metadata, or the objects themselves. */
function inForm(call: Call, resource: ResourceDefinition, path: ResourcePath, body: unknown): unknown {
  if (call.method !== "GET" || path.subresource !== undefined || !isObject(body)) return body;
  const answer = body as unknown as RawObject | ObjectListBody;
  if (call.accept.wantsTable) return tableOf(printerFor(call, resource), answer, now(call), includeOf(call));
  if (!call.accept.wantsMetadataOnly) return answer;
  if (!("items" in answer)) return metadataOnly(answer);
  return {
    kind: "PartialObjectMetadataList",
    apiVersion: "meta.k8s.io/v1",
    metadata: answer.metadata,
    items: (answer as ObjectListBody).items.map(metadataOnly),
  };
}

function eventForm(call: Call, resource: ResourceDefinition): EventForm {
  const include = includeOf(call);
  if (call.accept.wantsTable) {
    const printer = printerFor(call, resource);
    return {
      key: `${resource.group}/${resource.version}/${resource.kind} table ${include}`,
      stamp: () => Math.floor(now(call) / 1000),
      toBody: (object, isFirst) => eventTable(printer, object, now(call), include, isFirst),
    };
  }
  if (call.accept.wantsMetadataOnly) return { key: "metadata", stamp: () => 0, toBody: metadataOnly };
  return { key: "object", stamp: () => 0, toBody: (object) => object };
}

const now = (call: Call): number => call.served.clock.nowMs();

function printerFor(call: Call, resource: ResourceDefinition): ReturnType<typeof printerOf> {
  return printerOf(resource, call.served.server.customResourceDefinition(resource));
}

function includeOf(call: Call): IncludeObject {
  const asked = call.url.searchParams.get("includeObject");
  if (asked === null || asked === "") return "Metadata";
  if (asked === "None" || asked === "Metadata" || asked === "Object") return asked;
  throw badRequest(`includeObject: Unsupported value: "${asked}": supported values: "Metadata", "None", "Object"`);
}

function warningHeaders(warnings: readonly string[]): Record<string, string[]> {
  if (warnings.length === 0) return {};
  return { warning: warnings.map((text) => `299 - ${JSON.stringify(text.replaceAll(/[^\x20-\x7e]/g, "?"))}`) };
}

function podLogCall(call: Call, path: ResourcePath, resource: ResourceDefinition): Answered {
  if (call.method !== "GET") throw methodNotAllowedOnPath();
  const { body } = call.served.server.handle({
    verb: "get",
    resource,
    ...(path.namespace === undefined ? {} : { namespace: path.namespace }),
    ...(path.name === undefined ? {} : { name: path.name }),
  });
  if (call.served.logs === undefined) throw badRequest("the containers of this cluster write no logs");
  servePodLog(call.served.logs, body as RawObject, call.url.searchParams, now(call), call.response);
  return "answered";
}

/** Requests that the core does not know: reviews, metrics, older forms of kinds. */
async function virtualCall(call: Call, path: ResourcePath, resource: ResourceDefinition): Promise<Answered> {
  if (path.subresource !== undefined) throw unknownPath();
  if (REVIEW_RESOURCES.includes(resource)) {
    if (call.method !== "POST") throw methodNotAllowedOnPath();
    const body = readObject(await readBody(call.request), call.request.headers["content-type"]);
    return answerJson(call, 201, answerReview(resource, body));
  }
  if (METRICS_RESOURCES.includes(resource)) return metricsCall(call, path, resource);
  return autoscalingCall(call, path);
}

function metricsCall(call: Call, path: ResourcePath, resource: ResourceDefinition): Answered {
  const { server, usage } = call.served;
  if (call.method !== "GET") throw methodNotAllowedOnPath();
  if (usage === undefined) throw unknownPath();
  const { labelSelector, fieldSelector } = readQuery(call.url.searchParams);
  const body = usageOf(
    server,
    usage,
    resource,
    {
      ...(path.namespace === undefined ? {} : { namespace: path.namespace }),
      ...(path.name === undefined ? {} : { name: path.name }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    },
    now(call),
  );
  return answerJson(call, 200, inForm(call, resource, path, body));
}

async function autoscalingCall(call: Call, path: ResourcePath): Promise<Answered> {
  const stored = call.served.server.resource("autoscaling", "v2", path.plural);
  if (stored === undefined) throw unknownPath();
  const request = await requestOf(call, path, stored);
  if (!(AUTOSCALING_V1.verbs as readonly string[]).includes(request.verb)) throw methodNotAllowedOnPath();
  const isWrite = request.verb === "create" || request.verb === "update";
  const { code, body, warnings } = call.served.server.handle(
    isWrite ? { ...request, body: autoscalerToV2(request.body) } : request,
  );
  if (call.accept.wantsTable) return answerJson(call, code, inForm(call, stored, path, body));
  return answerJson(call, code, inV1(body), warningHeaders(warnings));
}

function inV1(body: unknown): unknown {
  if (!isObject(body) || body["kind"] === "Status") return body;
  if (!Array.isArray(body["items"])) return autoscalerToV1(body as unknown as RawObject);
  const items = (body["items"] as RawObject[]).map(autoscalerToV1);
  return { ...body, apiVersion: "autoscaling/v1", items };
}
