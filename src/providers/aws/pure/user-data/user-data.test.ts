import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "smol-toml";
import type { AmiFamily } from "../ami-family.ts";
import type { Kubelet } from "../kubelet.ts";
import type { Bootstrap } from "./bootstrap.ts";
import { mimeMessage, mimeParts } from "./mime.ts";
import { userDataOf } from "./user-data.ts";

const KUBELET: Kubelet = {
  clusterDNS: ["10.0.1.100"],
  podsPerCore: 2,
  systemReserved: { memory: "100Mi", cpu: "100m" },
  kubeReserved: { cpu: "200m" },
  evictionHard: { "memory.available": "5%" },
  evictionSoft: { "memory.available": "500Mi" },
  evictionSoftGracePeriod: { "memory.available": "1m" },
  evictionMaxPodGracePeriod: 60,
  imageGCHighThresholdPercent: 85,
  imageGCLowThresholdPercent: 80,
  cpuCFSQuota: true,
};

function bootstrap(change: Partial<Bootstrap> = {}): Bootstrap {
  const kubelet = change.kubelet ?? {};
  return {
    cluster: {
      name: "shop",
      endpoint: "https://shop.example",
      caBundle: "Y2E=",
      cidr: "10.100.0.0/16",
      dnsIp: "10.100.0.10",
    },
    labels: { "karpenter.sh/capacity-type": "spot", "karpenter.sh/nodepool": "default" },
    taints: [
      { key: "team", value: "a", effect: "NoSchedule" },
      { key: "karpenter.sh/unregistered", effect: "NoExecute" },
    ],
    rawKubelet: kubelet as Record<string, unknown>,
    kubelet,
    maxPods: 35,
    hasRaid0: false,
    ...change,
  };
}

function textOf(family: AmiFamily, change: Partial<Bootstrap> = {}): string {
  const result = userDataOf(family, bootstrap(change));
  return "text" in result ? result.text : assert.fail(result.problem);
}
function problemOf(family: AmiFamily, userData: string): string {
  const result = userDataOf(family, bootstrap({ userData }));
  return "problem" in result ? result.problem : assert.fail("it was taken");
}

const USERS_MIME = [
  "Content-Type: multipart/mixed; boundary=BOUND",
  "MIME-Version: 1.0",
  "",
  "--BOUND",
  'Content-Type: text/x-shellscript; charset="us-ascii"',
  "",
  "echo one",
  "",
  "--BOUND",
  "Content-Type: text/cloud-config",
  "",
  "runcmd: []",
  "--BOUND--",
].join("\n");

describe("user data of AL2023", () => {
  it("is a NodeConfig in a MIME message", () => {
    assert.equal(
      textOf("AL2023"),
      `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: application/node.eks.aws

# Karpenter Generated NodeConfig
apiVersion: "node.eks.aws/v1alpha1"
kind: "NodeConfig"
spec:
  cluster:
    name: "shop"
    apiServerEndpoint: "https://shop.example"
    certificateAuthority: "Y2E="
    cidr: "10.100.0.0/16"
  kubelet:
    config:
      clusterDNS:
        - "10.100.0.10"
      maxPods: 35
      registerWithTaints:
        - key: "team"
          value: "a"
          effect: "NoSchedule"
        - key: "karpenter.sh/unregistered"
          effect: "NoExecute"
    flags:
      - "--node-labels=\\"karpenter.sh/capacity-type=spot,karpenter.sh/nodepool=default\\""
--//--
`,
    );
  });

  it("passes on every setting of the kubelet, and the local disks", () => {
    const text = textOf("AL2023", {
      kubelet: KUBELET,
      rawKubelet: { ...KUBELET, registryPullQPS: 20 },
      hasRaid0: true,
    });
    assert.match(text, /localStorage:\n {6}strategy: "RAID0"/);
    assert.match(text, /registryPullQPS: 20/);
    assert.match(text, /clusterDNS:\n {8}- "10\.0\.1\.100"/);
    assert.match(text, /systemReserved:\n {8}memory: "100Mi"\n {8}cpu: "100m"/);
    assert.match(text, /evictionHard:\n {8}memory\.available: "5%"/);
  });

  const users: readonly [what: string, userData: string, contentTypes: RegExp[]][] = [
    ["a script", "#!/bin/bash\necho hi", [/x-shellscript/, /node\.eks/]],
    ["a plain line", 'echo "Hello world"', [/x-shellscript/, /node\.eks/]],
    ["a NodeConfig", "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {}", [/node\.eks/, /node\.eks/]],
    ["a MIME message", USERS_MIME, [/x-shellscript/, /cloud-config/, /node\.eks/]],
    ["nothing", "", [/node\.eks/]],
  ];
  for (const [what, userData, contentTypes] of users) {
    it(`takes ${what} of the user, before its own`, () => {
      const parts = mimeParts(textOf("AL2023", { userData }));
      const types = "parts" in parts ? parts.parts.map(({ contentType }) => contentType) : [];
      assert.equal(types.length, contentTypes.length);
      for (const [i, type] of contentTypes.entries()) assert.match(types[i]!, type);
    });
  }

  it("names the line of a MIME message that is none", () => {
    assert.equal(problemOf("AL2023", "MIME-Version: 1.0\n\nhello"), "line 1: the MIME header names no boundary");
    assert.match(problemOf("AL2023", USERS_MIME.replace("--BOUND--", "")), /^line \d+: the last part does not end/);
    const header = "Content-Type: multipart/mixed; boundary=B\n\n";
    assert.match(problemOf("AL2", `${header}--B\necho\n--B--`), /^line 4: no empty line ends the headers/);
    assert.match(problemOf("AL2", header), /^line \d+: no part begins with --B$/);
  });
});

describe("user data of AL2", () => {
  it("is the user's script, then the call of the image's own", () => {
    assert.equal(
      textOf("AL2", { userData: "echo hi\r\n", kubelet: KUBELET, hasRaid0: true }),
      `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: text/x-shellscript; charset="us-ascii"

echo hi

--//
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash -xe
exec > >(tee /var/log/user-data.log|logger -t user-data -s 2>/dev/console) 2>&1
/etc/eks/bootstrap.sh 'shop' --apiserver-endpoint 'https://shop.example' --b64-cluster-ca 'Y2E=' \\
--dns-cluster-ip '10.0.1.100' \\
--use-max-pods false \\
--kubelet-extra-args '--node-labels="karpenter.sh/capacity-type=spot,karpenter.sh/nodepool=default" --register-with-taints="team=a:NoSchedule,karpenter.sh/unregistered=:NoExecute" --max-pods=35 --pods-per-core=2 --system-reserved="cpu=100m,memory=100Mi" --kube-reserved="cpu=200m" --eviction-hard="memory.available<5%" --eviction-soft="memory.available<500Mi" --eviction-soft-grace-period="memory.available=1m" --eviction-max-pod-grace-period=60 --image-gc-high-threshold=85 --image-gc-low-threshold=80 --cpu-cfs-quota=true' \\
--local-disks raid0
--//--
`,
    );
  });

  it("tells nodes of IPv6 clusters so", () => {
    const { cluster } = bootstrap();
    const text = textOf("AL2", { cluster: { ...cluster, dnsIp: "fd30:1c53:5f8a::a" } });
    assert.match(text, /--ip-family ipv6 \\\n--dns-cluster-ip 'fd30:1c53:5f8a::a'/);
  });
});

describe("user data of Bottlerocket", () => {
  type Tree = Record<string, Record<string, Record<string, unknown>>>;
  const settingsOf = (change: Partial<Bootstrap>) =>
    (JSON.parse(JSON.stringify(parse(textOf("Bottlerocket", change)))) as Tree)["settings"]!;

  it("is TOML with ours over the user's", () => {
    const userData = `
[settings.host-containers.admin]
enabled = true
[settings.kubernetes]
cluster-name = "another"
registry-qps = 15
made-up-key = "x"
[settings.kubernetes.node-labels]
own = "label"
"karpenter.sh/nodepool" = "mine"
[settings.kubernetes.node-taints]
gone = ["x:NoSchedule"]
[settings.kubernetes.eviction-hard]
"memory.available" = "15%"
`;
    const settings = settingsOf({ userData, kubelet: { imageGCHighThresholdPercent: 85, cpuCFSQuota: false } });
    assert.deepEqual(settings["host-containers"], { admin: { enabled: true } });
    assert.deepEqual(settings["kubernetes"], {
      "registry-qps": 15,
      "cluster-name": "shop",
      "api-server": "https://shop.example",
      "cluster-certificate": "Y2E=",
      "node-labels": { own: "label", "karpenter.sh/capacity-type": "spot", "karpenter.sh/nodepool": "default" },
      "node-taints": { team: ["a:NoSchedule"], "karpenter.sh/unregistered": [":NoExecute"] },
      "max-pods": 35,
      "cluster-dns-ip": "10.100.0.10",
      "eviction-hard": { "memory.available": "15%" },
      "image-gc-high-threshold-percent": "85",
      "cpu-cfs-quota-enforced": false,
    });
  });

  const versions: readonly [version: string | undefined, namesFolders: boolean][] = [
    ["1.45.0", true],
    ["1.46.0", false],
    ["latest", false],
    ["1.46", true],
    [undefined, true],
  ];
  for (const [imageVersion, namesFolders] of versions) {
    it(`RAID0 on version ${imageVersion ?? "unknown"} ${namesFolders ? "names the folders" : "leaves the folders to it"}`, () => {
      const change = imageVersion === undefined ? {} : { imageVersion };
      const command = settingsOf({ hasRaid0: true, ...change })["bootstrap-commands"]!["000-mount-instance-storage"];
      const { commands, mode, essential } = command as { commands: string[][]; mode: string; essential: boolean };
      assert.deepEqual([commands[0], mode, essential], [["apiclient", "ephemeral-storage", "init"], "always", true]);
      assert.equal(commands[1]!.includes("--dirs"), namesFolders);
    });
  }

  it("names the line that is no TOML", () => {
    assert.match(problemOf("Bottlerocket", "[settings]\nx = \n"), /^line 2: this is no TOML/);
  });
});

describe("user data of Windows and of own images", () => {
  it("is PowerShell", () => {
    assert.equal(
      textOf("Windows2022", { userData: "Write-Host hi" }),
      `<powershell>
Write-Host hi
[string]$EKSBootstrapScriptFile = "$env:ProgramFiles\\Amazon\\EKS\\Start-EKSBootstrap.ps1"
& $EKSBootstrapScriptFile -EKSClusterName 'shop' -APIServerEndpoint 'https://shop.example' -Base64ClusterCA 'Y2E=' -KubeletExtraArgs '--node-labels="karpenter.sh/capacity-type=spot,karpenter.sh/nodepool=default" --register-with-taints="team=a:NoSchedule,karpenter.sh/unregistered=:NoExecute" --max-pods=35' -DNSClusterIP '10.100.0.10'
</powershell>`,
    );
  });

  it("is the user's own, untouched", () => {
    assert.equal(textOf("Custom", { userData: "anything\r\n" }), "anything\r\n");
    assert.equal(textOf("Custom"), "");
  });
});

describe("MIME", () => {
  it("is read as it was written", () => {
    const parts = [
      { contentType: "text/plain", body: "a\n\nb" },
      { contentType: "text/x", body: "c" },
    ];
    assert.deepEqual(mimeParts(mimeMessage(parts)), { parts });
  });
});
