import { resourceOf } from "../kinds.ts";
import type { Schema } from "../schema/schema.ts";
import type { CustomResource, PrinterColumn } from "./custom-resources.ts";

/** An apiextensions.k8s.io/v1 CustomResourceDefinition, as far as ours use it. */
export type CustomResourceDefinition = {
  apiVersion: "apiextensions.k8s.io/v1";
  kind: "CustomResourceDefinition";
  metadata: { name: string };
  spec: {
    group: string;
    names: {
      categories: string[];
      kind: string;
      listKind: string;
      plural: string;
      shortNames?: string[];
      singular: string;
    };
    scope: "Cluster" | "Namespaced";
    versions: {
      additionalPrinterColumns?: { jsonPath: string; name: string; priority?: number; type: string }[];
      name: string;
      schema: { openAPIV3Schema: Schema };
      served: boolean;
      storage: boolean;
      subresources: {
        scale?: { specReplicasPath: string; statusReplicasPath: string };
        status: Record<string, never>;
      };
    }[];
  };
};

/** The CustomResourceDefinition of one of our kinds: what `kubectl apply` takes and the simulated API server serves. */
export function crdOf(resource: CustomResource): CustomResourceDefinition {
  const { kind, listKind, singular, shortNames, categories, columns, scale, schema } = resource;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: resourceOf(kind) },
    spec: {
      group: kind.group,
      names: {
        categories: [...categories],
        kind: kind.kind,
        listKind,
        plural: kind.plural,
        ...(shortNames.length > 0 ? { shortNames: [...shortNames] } : {}),
        singular,
      },
      scope: kind.namespaced ? "Namespaced" : "Cluster",
      versions: [
        {
          ...(columns.length > 0 ? { additionalPrinterColumns: columns.map(columnOf) } : {}),
          name: kind.version,
          schema: { openAPIV3Schema: schema },
          served: true,
          storage: true,
          subresources: { ...(scale === undefined ? {} : { scale }), status: {} },
        },
      ],
    },
  };
}

function columnOf({ name, jsonPath, type, priority }: PrinterColumn) {
  return { jsonPath, name, ...(priority === undefined ? {} : { priority }), type };
}
