import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { crdOf } from "../../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES, type CustomResource } from "../../src/model/resources/custom-resources.ts";
import { readFlags } from "./flags.ts";
import { EXIT, type Io } from "./io.ts";
import { cannotWrite, makeFolder } from "./make-folder.ts";

const USAGE = `Prints Karpenter's CustomResourceDefinitions as YAML.

usage: karpenter crds [--out DIR|-]

  --out DIR   writes one file per kind into the folder, which is made if it is missing
  --out -     prints them, separated by --- (the default): karpenter crds | kubectl apply --server-side -f -
`;

/**
 * `karpenter crds`: the definitions that the chart installs and the simulated cluster serves, from the same source.
 * @throws UserError KARP_BAD_FLAG, KARP_CANNOT_WRITE
 */
export async function crdsCommand(args: string[], io: Io): Promise<number> {
  const flags = readFlags("crds", args, {
    out: { type: "string", default: "-" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (flags.help) {
    io.out(USAGE);
    return EXIT.fine;
  }
  const documents = CUSTOM_RESOURCES.map((resource) => ({
    file: definitionFile(resource),
    text: yamlOf(crdOf(resource)),
  }));
  if (flags.out === "-") io.out(documents.map(({ text }) => text).join(""));
  else await writeAll(resolve(io.cwd, flags.out), documents, io);
  return EXIT.fine;
}

export function definitionFile({ kind: { group, plural } }: Pick<CustomResource, "kind">): string {
  return `${group}_${plural}.yaml`;
}

/** Long patterns and rules stay on one line: folded ones are hard to read and to compare. */
export function yamlOf(crd: unknown): string {
  return `---\n${stringify(crd, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

async function writeAll(folder: string, documents: { file: string; text: string }[], io: Io): Promise<void> {
  await makeFolder(folder);
  try {
    for (const { file, text } of documents) {
      await writeFile(join(folder, file), text);
      io.out(`${join(folder, file)}\n`);
    }
  } catch (cause) {
    throw cannotWrite(folder, cause);
  }
}
