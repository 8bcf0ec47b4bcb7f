import type { Resources } from "../../model/resources.ts";
import type { Ec2Facts } from "./facts.ts";

const GPU_RESOURCES: Readonly<Record<string, string>> = {
  nvidia: "nvidia.com/gpu",
  amd: "amd.com/gpu",
  habana: "habana.ai/gaudi",
};

/** GPUs and Neuron devices as pods ask for them. What there is none of is left out. */
export function deviceResources({ gpus, accelerators, neuronCores }: Ec2Facts): Resources {
  const resources: Record<string, number> = {};
  for (const [, maker, count] of gpus) {
    const name = GPU_RESOURCES[maker];
    // Parts of a GPU (g6f) count as none: an overlay may add them.
    if (name !== undefined && count > 0) resources[name] = (resources[name] ?? 0) + count;
  }
  const [first] = accelerators;
  if (neuronCores === 0 || first === undefined) return resources;
  resources["aws.amazon.com/neuron"] = accelerators.reduce((sum, [, , count]) => sum + count, 0);
  resources["aws.amazon.com/neuroncore"] = first[2] * neuronCores;
  return resources;
}
