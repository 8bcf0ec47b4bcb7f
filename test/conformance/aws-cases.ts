import { awsDiscoveryCases } from "./aws-discovery-cases.ts";
import { awsIdentityCases } from "./aws-identity-cases.ts";
import { awsInstanceCases } from "./aws-instance-cases.ts";
import type { AwsCase } from "./aws-side.ts";

/** Everything that an account behind the AwsApi port must do. */
export const awsApiCases: readonly AwsCase[] = [...awsDiscoveryCases, ...awsInstanceCases, ...awsIdentityCases];
