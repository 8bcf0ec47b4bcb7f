import { parse } from "yaml";
import { type Bootstrap, dnsIps, labelPairs, type UserData } from "./bootstrap.ts";
import { looksLikeMime, type MimePart, mimeMessage, mimeParts, SHELL_SCRIPT } from "./mime.ts";

const NODE_CONFIG = "application/node.eks.aws";

/** A MIME message: the user's parts, then our NodeConfig; nodeadm lets later ones win. */
export function al2023UserData(bootstrap: Bootstrap): UserData {
  const users = usersParts(bootstrap.userData);
  if ("problem" in users) return users;
  const body = `# Karpenter Generated NodeConfig\n${yamlText(nodeConfig(bootstrap))}`;
  return { text: mimeMessage([...users.parts, { contentType: NODE_CONFIG, body: body.trimEnd() }]) };
}

function usersParts(userData: string | undefined): ReturnType<typeof mimeParts> {
  if (userData === undefined || userData.trim() === "") return { parts: [] };
  if (looksLikeMime(userData)) return mimeParts(userData);
  return {
    parts: [
      { contentType: isMapping(userData) ? NODE_CONFIG : SHELL_SCRIPT, body: userData.trimEnd() } satisfies MimePart,
    ],
  };
}

/** A script may be YAML too (any line of text is), but no mapping. */
function isMapping(text: string): boolean {
  try {
    const value: unknown = parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function nodeConfig(bootstrap: Bootstrap): unknown {
  const { cluster, taints, rawKubelet, maxPods, hasRaid0, labels } = bootstrap;
  const dns = dnsIps(bootstrap);
  return {
    apiVersion: "node.eks.aws/v1alpha1",
    kind: "NodeConfig",
    spec: {
      cluster: {
        name: cluster.name,
        apiServerEndpoint: cluster.endpoint,
        certificateAuthority: cluster.caBundle,
        cidr: cluster.cidr ?? "",
      },
      ...(hasRaid0 ? { instance: { localStorage: { strategy: "RAID0" } } } : {}),
      kubelet: {
        config: {
          ...rawKubelet,
          ...(dns.length === 0 ? {} : { clusterDNS: dns }),
          maxPods,
          ...(taints.length === 0 ? {} : { registerWithTaints: taints }),
        },
        flags: [`--node-labels="${labelPairs(labels).join(",")}"`],
      },
    },
  };
}

/** Text is always quoted, so that nothing is taken for a number, a date or an anchor. */
function yamlText(value: unknown, indent = ""): string {
  if (Array.isArray(value)) return value.map((one) => `${indent}- ${nested(one, indent)}`).join("");
  const lines = Object.entries(value as Readonly<Record<string, unknown>>).map(([key, one]) => {
    const name = /^[\w.-]+$/.test(key) ? key : JSON.stringify(key);
    if (!isCompound(one)) return `${indent}${name}: ${JSON.stringify(one)}\n`;
    return `${indent}${name}:\n${yamlText(one, `${indent}  `)}`;
  });
  return lines.join("");
}

function nested(value: unknown, indent: string): string {
  return isCompound(value) ? yamlText(value, `${indent}  `).trimStart() : `${JSON.stringify(value)}\n`;
}

function isCompound(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}
