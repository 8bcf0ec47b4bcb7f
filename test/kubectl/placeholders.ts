import type { KubectlWorld } from "./kubectl-world.ts";

// Uids and versions differ from run to run. In a recording they stand as {{uid:group/version|plural|namespace|name}},
// {{rv}} for the present version of the object that the request is about, {{now}} for that of the whole server.

const UID = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const BODY_VERSION = /("resourceVersion"\s*:\s*)"(\d+)"/g;
const JSON_PATCH_VERSION = /("path"\s*:\s*"\/metadata\/resourceVersion"\s*,\s*"value"\s*:\s*)"(\d+)"/g;
const QUERY_VERSION = /([?&]resourceVersion=)([1-9]\d*)/;

export function toTemplate(world: KubectlWorld, url: string, text: string): string {
  const target = versionOf(world, url);
  const version = (all: string, before: string, found: string): string =>
    found === target ? `${before}"{{rv}}"` : all;
  return text
    .replace(UID, (uid) => {
      const found = world.server.objectOfUid(uid);
      if (found === undefined) return uid;
      const { group, version: of, plural } = found.resource;
      const { name, namespace = "" } = found.object.metadata;
      return `{{uid:${group === "" ? of : `${group}/${of}`}|${plural}|${namespace}|${name}}}`;
    })
    .replace(JSON_PATCH_VERSION, version)
    .replace(BODY_VERSION, version)
    .replace(QUERY_VERSION, "$1{{now}}")
    .replace(/([?&]continue=)[^&]+/, "$1{{continue}}");
}

export function fromTemplate(world: KubectlWorld, url: string, text: string, continueToken: string): string {
  return text
    .replace(/\{\{uid:([^|}]*)\|([^|}]*)\|([^|}]*)\|([^}]*)\}\}/g, (_all, apiVersion, plural, namespace, name) => {
      const found = world.get(apiVersion, plural, name, namespace === "" ? undefined : namespace);
      return found?.metadata.uid ?? "gone";
    })
    .replaceAll("{{rv}}", () => versionOf(world, url) ?? "0")
    .replaceAll("{{now}}", () => world.server.resourceVersion())
    .replaceAll("{{continue}}", () => encodeURIComponent(continueToken));
}

/** The present version of the object that a path names. */
function versionOf(world: KubectlWorld, url: string): string | undefined {
  const segments = (url.split("?")[0] ?? "").split("/").filter((segment) => segment !== "");
  const apiVersion = segments[0] === "api" ? segments[1] : `${segments[1]}/${segments[2]}`;
  const rest = segments.slice(segments[0] === "api" ? 2 : 3);
  const isInside = rest[0] === "namespaces" && rest.length > 2;
  const [plural = "", name] = isInside ? rest.slice(2) : rest;
  if (name === undefined || apiVersion === undefined) return undefined;
  return world.get(apiVersion, plural, decodeURIComponent(name), isInside ? rest[1] : undefined)?.metadata
    .resourceVersion;
}
