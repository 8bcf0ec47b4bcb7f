import { stringify } from "yaml";
import { UserError } from "../../src/base/errors.ts";
import { type Report, reportMarkdown, reportText } from "./report.ts";

const FORMATS = ["table", "json", "yaml", "markdown"] as const;
export type Format = (typeof FORMATS)[number];

/**
 * The value of --output.
 * @param others formats that the command has besides, for the message
 * @throws UserError KARP_BAD_FLAG
 */
export function formatFlag(command: string, format: string, others: readonly string[] = []): Format {
  const known = FORMATS.find((one) => one === format);
  if (known !== undefined) return known;
  throw new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter ${command}: --output is "${format}", not one of ${[...FORMATS, ...others].join(", ")}`,
    remedy: `"karpenter ${command} --help" lists the flags`,
  });
}

/** A result in the format: the report is for people, the rest for machines. */
export function printed(format: Format, json: () => unknown, report: () => Report): string {
  switch (format) {
    case "table":
      return reportText(report());
    case "markdown":
      return reportMarkdown(report());
    case "json":
      return `${JSON.stringify(json(), null, 2)}\n`;
    case "yaml":
      return stringify(json(), { lineWidth: 0, aliasDuplicateObjects: false });
  }
}
