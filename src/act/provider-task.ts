import type { ProviderTask } from "../ports/cloud-provider.ts";
import { after, type Controller } from "../runtime/controller.ts";

/** Lets the provider do what it has to do by itself. */
export function providerTaskController({ name, run }: ProviderTask): Controller {
  return {
    name,
    workers: 1,
    initialKeys: [""],
    keysFor: () => [],
    async reconcile() {
      const { afterMs } = await run();
      return after(afterMs, "the provider does it again and again");
    },
  };
}
