import { type Bootstrap, dnsIps, type UserData } from "./bootstrap.ts";
import { kubeletArgs } from "./kubelet-args.ts";

/** PowerShell: the user's lines, then the call of the image's bootstrap script. */
export function windowsUserData(bootstrap: Bootstrap): UserData {
  const { cluster, userData = "" } = bootstrap;
  const [dnsIp] = dnsIps(bootstrap);
  const call = [
    `-EKSClusterName '${cluster.name}'`,
    `-APIServerEndpoint '${cluster.endpoint}'`,
    `-Base64ClusterCA '${cluster.caBundle}'`,
    `-KubeletExtraArgs '${kubeletArgs(bootstrap)}'`,
    ...(dnsIp === undefined ? [] : [`-DNSClusterIP '${dnsIp}'`]),
  ];
  const lines = [
    "<powershell>",
    ...(userData === "" ? [] : [userData.trimEnd()]),
    '[string]$EKSBootstrapScriptFile = "$env:ProgramFiles\\Amazon\\EKS\\Start-EKSBootstrap.ps1"',
    `& $EKSBootstrapScriptFile ${call.join(" ")}`,
    "</powershell>",
  ];
  return { text: lines.join("\n") };
}
