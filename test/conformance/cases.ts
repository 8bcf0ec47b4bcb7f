import { deleteCases } from "./delete-cases.ts";
import { patchCases } from "./patch-cases.ts";
import { readCases } from "./read-cases.ts";
import type { Case } from "./side.ts";
import { watchCases } from "./watch-cases.ts";
import { writeCases } from "./write-cases.ts";

/** What every implementation of the KubeApi port must do. */
export const kubeApiCases: readonly Case[] = [
  ...readCases,
  ...writeCases,
  ...patchCases,
  ...deleteCases,
  ...watchCases,
];
