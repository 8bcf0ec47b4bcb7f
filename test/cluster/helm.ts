import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../src/model/object.ts";
import { findPrograms, HELM } from "../../tools/go-programs.ts";

/** Why nothing can be rendered here; false: it can. */
export function whyNoHelm(): string | false {
  return findPrograms(HELM) === undefined
    ? 'no Helm here: "node tools/build-go-programs.ts helm" builds it where there is Go'
    : false;
}

export type HelmAnswer = { code: number | null; out: string; err: string };
export type HelmOptions = { kubeconfig?: string; values?: object };

/** Runs Helm to its end, apart from the user's own settings. */
export function helm(args: readonly string[], { kubeconfig = "/dev/null", values = {} }: HelmOptions = {}): HelmAnswer {
  // Not every command takes values.
  const isPlain = Object.keys(values).length === 0;
  const { status, stdout, stderr } = spawnSync(
    join(findPrograms(HELM) ?? "", "helm"),
    isPlain ? args : [...args, "--values=-"],
    {
      encoding: "utf8",
      input: JSON.stringify(values),
      env: { KUBECONFIG: kubeconfig, HELM_NO_PLUGINS: "1", HOME: "/nonexistent" },
    },
  );
  return { code: status, out: stdout, err: stderr };
}

/** @throws AssertionError with Helm's own words when it fails */
export function helmOk(args: readonly string[], options?: HelmOptions): string {
  const { code, out, err } = helm(args, options);
  assert.equal(code, 0, `helm ${args.join(" ")}: ${err}`);
  return out;
}

const CHARTS = new URL("../../charts/", import.meta.url).pathname;
export const CHART = `${CHARTS}karpenter`;
export const CRD_CHART = `${CHARTS}karpenter-crd`;

/** Without a cluster Helm takes the version that it was built for, which no build of ours tells it. */
export const FOR_KUBERNETES = "--kube-version=1.34.0";

/** The objects of a release `karpenter` in the namespace `karpenter`, in the chart's order. */
export function render(chart: string, args: readonly string[] = [], values: object = {}): KubeObject[] {
  const text = helmOk(["template", "karpenter", chart, "--namespace=karpenter", FOR_KUBERNETES, ...args], { values });
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}
