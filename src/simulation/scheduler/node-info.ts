import type { Node, Pod } from "../../model/core.ts";
import { type Amounts, addTo, amountsOf, takeFrom } from "../cache/amounts.ts";
import type { PodNeeds } from "./pod-needs.ts";

/** A node with what its pods take, kept up to date pod by pod. */
export class NodeInfo {
  node: Node;
  allocatable: Amounts;
  readonly used: Amounts = {};
  /** By uid. */
  readonly pods = new Map<string, PodNeeds>();
  /** "protocol/port" to the host addresses that have it. */
  readonly #ports = new Map<string, string[]>();

  constructor(node: Node) {
    this.node = node;
    this.allocatable = amountsOf(node.status?.allocatable);
  }

  get name(): string {
    return this.node.metadata.name;
  }

  setNode(node: Node): void {
    if (node.status?.allocatable !== this.node.status?.allocatable)
      this.allocatable = amountsOf(node.status?.allocatable);
    this.node = node;
  }

  add(needs: PodNeeds): void {
    if (this.pods.has(needs.pod.metadata.uid)) return;
    this.pods.set(needs.pod.metadata.uid, needs);
    addTo(this.used, needs.amounts);
    for (const { slot, ip } of needs.hostPorts) this.#ports.set(slot, [...(this.#ports.get(slot) ?? []), ip]);
  }

  remove(pod: Pod): void {
    const needs = this.pods.get(pod.metadata.uid);
    if (needs === undefined) return;
    this.pods.delete(pod.metadata.uid);
    takeFrom(this.used, needs.amounts);
    for (const { slot, ip } of needs.hostPorts) {
      const left = [...(this.#ports.get(slot) ?? [])];
      left.splice(left.indexOf(ip), 1);
      this.#ports.set(slot, left);
    }
  }

  hasPortsFor(needs: PodNeeds): boolean {
    return needs.hostPorts.every(({ slot, ip }) => !(this.#ports.get(slot) ?? []).some((other) => collide(ip, other)));
  }
}

function collide(a: string, b: string): boolean {
  return a === b || a === ANY_ADDRESS || b === ANY_ADDRESS;
}

export const ANY_ADDRESS = "0.0.0.0";
