import { canonicalQuantity } from "../../model/quantity.ts";
import { isObject, type JsonObject, objectAt, objectsAt, textAt } from "./json.ts";

/** Sets a member that is absent. */
export function setDefault(object: JsonObject, key: string, value: unknown): void {
  if (object[key] === undefined) object[key] = value;
}

/** What Kubernetes fills into every pod spec, of a pod or of a template. The spec is changed in place. */
export function setPodSpecDefaults(spec: JsonObject, options: { restartPolicy: string | undefined }): void {
  if (options.restartPolicy !== undefined) setDefault(spec, "restartPolicy", options.restartPolicy);
  setDefault(spec, "terminationGracePeriodSeconds", 30);
  setDefault(spec, "dnsPolicy", "ClusterFirst");
  setDefault(spec, "schedulerName", "default-scheduler");
  setDefault(spec, "securityContext", {});
  const account = textAt(spec, "serviceAccountName") ?? textAt(spec, "serviceAccount");
  if (account !== undefined) {
    setDefault(spec, "serviceAccountName", account);
    if (spec["serviceAccount"] !== account) spec["serviceAccount"] = account;
  }
  for (const field of ["initContainers", "containers"]) {
    for (const container of objectsAt(spec, field)) setContainerDefaults(container, spec["hostNetwork"] === true);
  }
  for (const volume of objectsAt(spec, "volumes")) setVolumeDefaults(volume);
  if (isObject(spec["overhead"])) canonicalizeAmounts(spec["overhead"]);
  if (isObject(spec["resources"])) canonicalizeResources(spec["resources"]);
}

/** What is filled into pods only. */
export function setPodDefaults(spec: JsonObject): void {
  setDefault(spec, "enableServiceLinks", true);
  for (const field of ["initContainers", "containers"]) {
    for (const container of objectsAt(spec, field)) requestWhatIsLimited(container);
  }
}

function setContainerDefaults(container: JsonObject, isHostNetwork: boolean): void {
  setDefault(container, "terminationMessagePath", "/dev/termination-log");
  setDefault(container, "terminationMessagePolicy", "File");
  setDefault(container, "imagePullPolicy", pullPolicyOf(textAt(container, "image") ?? ""));
  setDefault(container, "resources", {});
  if (isObject(container["resources"])) canonicalizeResources(container["resources"]);
  for (const port of objectsAt(container, "ports")) {
    setDefault(port, "protocol", "TCP");
    if (isHostNetwork) setDefault(port, "hostPort", port["containerPort"]);
  }
  for (const variable of objectsAt(container, "env")) {
    const fieldRef = objectAt(objectAt(variable, "valueFrom"), "fieldRef");
    if (fieldRef !== undefined) setDefault(fieldRef, "apiVersion", "v1");
  }
  for (const name of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    const probe = objectAt(container, name);
    if (probe !== undefined) setProbeDefaults(probe);
  }
}

function setProbeDefaults(probe: JsonObject): void {
  setDefault(probe, "timeoutSeconds", 1);
  setDefault(probe, "periodSeconds", 10);
  setDefault(probe, "successThreshold", 1);
  setDefault(probe, "failureThreshold", 3);
  const httpGet = objectAt(probe, "httpGet");
  if (httpGet === undefined) return;
  setDefault(httpGet, "path", "/");
  setDefault(httpGet, "scheme", "HTTP");
}

/** Images without a tag, or with the tag "latest", are always pulled. */
function pullPolicyOf(image: string): string {
  if (image.includes("@")) return "IfNotPresent";
  const name = image.slice(image.lastIndexOf("/") + 1);
  const tag = name.includes(":") ? name.slice(name.indexOf(":") + 1) : "latest";
  return tag === "latest" ? "Always" : "IfNotPresent";
}

const VOLUME_MODE_FIELDS = ["configMap", "secret", "projected", "downwardAPI"];

function setVolumeDefaults(volume: JsonObject): void {
  if (Object.keys(volume).length === 1 && volume["name"] !== undefined) volume["emptyDir"] = {};
  for (const field of VOLUME_MODE_FIELDS) {
    const source = objectAt(volume, field);
    if (source !== undefined) setDefault(source, "defaultMode", 420);
  }
  const hostPath = objectAt(volume, "hostPath");
  if (hostPath !== undefined) setDefault(hostPath, "type", "");
  for (const source of objectsAt(objectAt(volume, "projected"), "sources")) {
    const token = objectAt(source, "serviceAccountToken");
    if (token !== undefined) setDefault(token, "expirationSeconds", 3_600);
  }
  const claim = objectAt(objectAt(objectAt(volume, "ephemeral"), "volumeClaimTemplate"), "spec");
  if (claim !== undefined) setDefault(claim, "volumeMode", "Filesystem");
}

function requestWhatIsLimited(container: JsonObject): void {
  const resources = objectAt(container, "resources");
  const limits = objectAt(resources, "limits");
  if (resources === undefined || limits === undefined) return;
  const requests = objectAt(resources, "requests");
  if (Object.keys(limits).every((name) => requests?.[name] !== undefined)) return;
  resources["requests"] = { ...limits, ...requests };
}

export function canonicalizeResources(resources: JsonObject): void {
  for (const field of ["requests", "limits"]) {
    const amounts = resources[field];
    if (isObject(amounts)) canonicalizeAmounts(amounts);
  }
}

/** Amounts are kept as Kubernetes prints them; what is no quantity is left for validation to find. */
export function canonicalizeAmounts(amounts: JsonObject): void {
  for (const [name, amount] of Object.entries(amounts)) {
    if (typeof amount !== "string" && typeof amount !== "number") continue;
    const text = canonical(amount) ?? amount;
    if (text !== amount) amounts[name] = text;
  }
}

const canonicalTexts = new Map<string | number, string | undefined>();
const CANONICAL_TEXTS_MAX = 4_096;

function canonical(amount: string | number): string | undefined {
  const known = canonicalTexts.get(amount);
  if (known !== undefined) return known;
  const text = canonicalQuantity(amount);
  if (canonicalTexts.size >= CANONICAL_TEXTS_MAX) canonicalTexts.clear();
  canonicalTexts.set(amount, text);
  return text;
}
