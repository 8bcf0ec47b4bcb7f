import type { Taint } from "../../../../model/core.ts";
import type { Kubelet } from "../kubelet.ts";

/** What a machine must be told to join the cluster. */
export type Bootstrap = {
  cluster: {
    name: string;
    endpoint: string;
    /** Base64. */
    caBundle: string;
    /** Of the services; AL2023 only. */
    cidr?: string;
    /** Of kube-dns; IPv6 where the cluster is. */
    dnsIp?: string;
  };
  labels: Readonly<Record<string, string>>;
  taints: readonly Taint[];
  /** spec.kubelet as it was written, and as far as we know it. */
  rawKubelet: Readonly<Record<string, unknown>>;
  kubelet: Kubelet;
  maxPods: number;
  hasRaid0: boolean;
  /** Of the image, where it is known: "1.46.0" or "latest". */
  imageVersion?: string;
  /** The user's own. */
  userData?: string;
};

/** The text for the machine, or what the user's part of it does wrong. */
export type UserData = { text: string } | { problem: string };

/** The address of the cluster's DNS that nodes use: the kubelet's setting before the service's. */
export function dnsIps({ kubelet, cluster }: Bootstrap): readonly string[] {
  if (kubelet.clusterDNS !== undefined && kubelet.clusterDNS.length > 0) return kubelet.clusterDNS;
  return cluster.dnsIp === undefined ? [] : [cluster.dnsIp];
}

export const isIpv6 = (address: string | undefined): boolean => address?.includes(":") === true;

/** "k=v" pairs, sorted by key. */
export function labelPairs(labels: Readonly<Record<string, string>>): string[] {
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key] ?? ""}`);
}

export function taintText({ key, value = "", effect }: Taint): string {
  return `${key}=${value}:${effect}`;
}
