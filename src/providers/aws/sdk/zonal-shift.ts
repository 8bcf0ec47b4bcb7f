import process from "node:process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { SignatureV4 } from "@smithy/signature-v4";
import { formatTime, SECOND_MS } from "../../../base/time.ts";
import type { Shift } from "../aws-api.ts";
import { partitionOf } from "../pure/permissions.ts";
import type { Clients } from "./clients.ts";

const SERVICE = "arc-zonal-shift";
const DOMAINS: Readonly<Record<string, string>> = {
  "aws-cn": "amazonaws.com.cn",
  "aws-iso": "c2s.ic.gov",
  "aws-iso-b": "sc2s.sgov.gov",
  "aws-iso-f": "csp.hci.ic.gov",
};

type Answer = { zonalShifts?: { appliedStatus?: string; awayFrom?: string; expiryTime?: number }[] };

/**
 * ARC zonal shift has no client among our packages: its one request is signed and sent with what EC2's client has,
 * credentials, proxy and time limits included.
 */
export function zonalShiftCalls({ ec2Read }: Clients, { region }: { region: string }) {
  const { credentials, sha256, requestHandler } = ec2Read.config;
  const signer = new SignatureV4({ service: SERVICE, region, credentials, sha256 });
  return {
    zonalShifts: {
      action: "arc-zonal-shift:GetManagedResource",
      async run(resourceArn: string): Promise<Shift[]> {
        const { protocol, hostname, port } = new URL(endpoint(region));
        const request = await signer.sign({
          method: "GET",
          protocol,
          hostname,
          ...(port === "" ? {} : { port: Number(port) }),
          path: `/managedresources/${encodeURIComponent(resourceArn)}`,
          query: {},
          headers: { host: port === "" ? hostname : `${hostname}:${port}` },
        });
        const { response } = await requestHandler.handle(request as Parameters<typeof requestHandler.handle>[0]);
        const body = await text(response.body as Readable);
        if (response.statusCode !== 200) throw refusal(response.headers, body, response.statusCode);
        return shiftsOf(JSON.parse(body) as Answer);
      },
    },
  };
}

function endpoint(region: string): string {
  const { AWS_ENDPOINT_URL_ARC_ZONAL_SHIFT: own, AWS_ENDPOINT_URL: all } = process.env;
  return own ?? all ?? `https://${SERVICE}.${region}.${DOMAINS[partitionOf(region)] ?? "amazonaws.com"}`;
}

/** The name of an error stands in a header, before a colon. */
function refusal(headers: Readonly<Record<string, string>>, body: string, statusCode: number): Error {
  const error = new RangeError(body.slice(0, 1_000));
  error.name = headers["x-amzn-errortype"]?.split(":")[0] ?? `Http${statusCode}`;
  return error;
}

function shiftsOf({ zonalShifts = [] }: Answer): Shift[] {
  return zonalShifts
    .filter(({ appliedStatus }) => appliedStatus === "APPLIED")
    .map(({ awayFrom = "", expiryTime = 0 }) => ({ zoneId: awayFrom, expiryTime: formatTime(expiryTime * SECOND_MS) }));
}
