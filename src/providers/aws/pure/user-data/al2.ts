import { type Bootstrap, dnsIps, isIpv6, type UserData } from "./bootstrap.ts";
import { kubeletArgs } from "./kubelet-args.ts";
import { looksLikeMime, type MimePart, mimeMessage, mimeParts, SHELL_SCRIPT } from "./mime.ts";

/** A MIME message: the user's parts, then the call of the image's bootstrap script. */
export function al2UserData(bootstrap: Bootstrap): UserData {
  const users = usersParts(bootstrap.userData);
  if ("problem" in users) return users;
  return { text: mimeMessage([...users.parts, { contentType: SHELL_SCRIPT, body: script(bootstrap) }]) };
}

function usersParts(userData: string | undefined): ReturnType<typeof mimeParts> {
  if (userData === undefined || userData === "") return { parts: [] };
  if (looksLikeMime(userData)) return mimeParts(userData);
  return { parts: [{ contentType: SHELL_SCRIPT, body: userData } satisfies MimePart] };
}

function script(bootstrap: Bootstrap): string {
  const { cluster, hasRaid0 } = bootstrap;
  const [dnsIp] = dnsIps(bootstrap);
  const call = [
    `/etc/eks/bootstrap.sh '${cluster.name}' --apiserver-endpoint '${cluster.endpoint}' --b64-cluster-ca '${cluster.caBundle}'`,
    ...(isIpv6(dnsIp) ? ["--ip-family ipv6"] : []),
    ...(dnsIp === undefined ? [] : [`--dns-cluster-ip '${dnsIp}'`]),
    "--use-max-pods false",
    `--kubelet-extra-args '${kubeletArgs(bootstrap)}'`,
    ...(hasRaid0 ? ["--local-disks raid0"] : []),
  ];
  return [
    "#!/bin/bash -xe",
    "exec > >(tee /var/log/user-data.log|logger -t user-data -s 2>/dev/console) 2>&1",
    call.join(" \\\n"),
  ].join("\n");
}
