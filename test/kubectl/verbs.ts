import type { KubectlWorld } from "./kubectl-world.ts";

/** One thing a user does with kubectl, and what must come of it. */
export type Step = {
  /** The row of the table: verb and form. */
  verb: string;
  args: readonly string[];
  /** Passed to standard input, for `-f -`. */
  input?: string;
  env?: Readonly<Record<string, string>>;
  /** Every pattern is found in standard output and error together. */
  expect: readonly RegExp[];
  /** None of them is. */
  not?: readonly RegExp[];
  exitCode?: number;
  /** Needs an upgraded connection, which is not recorded. */
  isStream?: boolean;
  /**
   * For what does not end by itself: something happens meanwhile, then it is interrupted.
   * `nth` is 0 at first; it happens again until all is found, as nobody can see when a watch has begun.
   */
  during?: (world: KubectlWorld, nth: number) => void;
};

const manifest = (object: object): string => JSON.stringify(object);
const configMap = (data: Record<string, string>, name = "applied"): string =>
  manifest({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data });
const deployment = (image: string, more: object = {}): string =>
  manifest({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "applied", namespace: "default" },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "applied" } },
      template: {
        metadata: { labels: { app: "applied" } },
        spec: {
          containers: [
            { name: "a", image },
            { name: "b", image: "busybox" },
          ],
          ...more,
        },
      },
    },
  });
const pool = (weight: number, more: object = {}): string =>
  manifest({
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name: "applied" },
    spec: {
      weight,
      template: {
        spec: {
          nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
          requirements: [{ key: "kubernetes.io/arch", operator: "In", values: ["amd64"] }],
        },
      },
      ...more,
    },
  });
const words = (text: string): string[] => text.split(" ");

/** Reading: nothing changes. */
const READING: readonly Step[] = [
  { verb: "version", args: ["version"], expect: [/Server Version: v1\.34/] },
  {
    verb: "api-resources",
    args: ["api-resources"],
    expect: [/nodepools\s+karpenter\.sh\/v1\s+false\s+NodePool/, /deploy\s+apps\/v1/],
  },
  { verb: "api-versions", args: ["api-versions"], expect: [/^karpenter\.sh\/v1$/m, /^apps\/v1$/m, /^v1$/m] },
  { verb: "cluster-info", args: ["cluster-info"], expect: [/control plane.* is running at/] },
  {
    verb: "get nodes",
    args: ["get", "nodes"],
    expect: [/NAME\s+STATUS\s+ROLES\s+AGE\s+VERSION/, /node-a\s+Ready\s+<none>\s+\d+s\s+v1\.34\.1/],
  },
  { verb: "get NAME", args: ["get", "no", "node-a"], expect: [/node-a\s+Ready/], not: [/node-b/] },
  {
    verb: "get missing",
    args: ["get", "nodepool", "nope"],
    expect: [/nodepools\.karpenter\.sh "nope" not found/],
    exitCode: 1,
  },
  {
    verb: "get -o wide",
    args: words("get pods -A -o wide"),
    expect: [/NOMINATED NODE\s+READINESS GATES/, /web-2-a\s+1\/1\s+Running\s+0\s+\d+s\s+10\.0\.0\.10\s+node-a/],
  },
  { verb: "get -o json", args: words("get deploy web -o json"), expect: [/"kind": "Deployment"/, /"uid": /] },
  {
    verb: "get -o yaml",
    args: words("get clusterrole karpenter -o yaml"),
    expect: [/kind: ClusterRole/, /- karpenter\.sh/],
  },
  {
    verb: "get -o name",
    args: words("get nodes -l karpenter.sh/nodepool=default -o name"),
    expect: [/^node\/node-a\nnode\/node-b$/m],
  },
  {
    verb: "get -o jsonpath",
    args: ["get", "node", "node-a", "-o", "jsonpath={.metadata.labels.karpenter\\.sh/nodepool}"],
    expect: [/^default$/],
  },
  { verb: "get --show-labels", args: words("get nodes --show-labels"), expect: [/karpenter\.sh\/capacity-type=spot/] },
  { verb: "get -L", args: words("get nodes -L topology.kubernetes.io/zone"), expect: [/ZONE/, /us-east-1a/] },
  { verb: "get --sort-by", args: words("get pods -A --sort-by=.metadata.name"), expect: [/agent-a[\s\S]*web-2-b/] },
  {
    verb: "get -l",
    args: ["get", "pods", "-l", "app in (web),app!=agent"],
    expect: [/web-2-a/, /web-2-b/],
    not: [/agent-a/],
  },
  {
    verb: "get --field-selector",
    args: words("get pods -A --field-selector=status.phase=Pending"),
    expect: [/pending/],
    not: [/web-2-a/],
  },
  {
    verb: "get --field-selector spec.nodeName",
    args: words("get pods -A --field-selector=spec.nodeName=node-b,status.phase!=Failed"),
    expect: [/web-2-b/, /karpenter-1/],
    not: [/agent-a/],
  },
  {
    verb: "get unknown field selector",
    args: words("get pods --field-selector=spec.what=x"),
    expect: [/field label not supported|not a known|not supported/],
    exitCode: 1,
  },
  { verb: "get all", args: words("get all -n karpenter"), expect: [/pod\/karpenter-1/, /service\/karpenter/] },
  { verb: "get several kinds", args: words("get nodepool,ec2nodeclass -A"), expect: [/default/] },
  {
    verb: "get custom",
    args: words("get nodepools"),
    expect: [/NAME\s+NODECLASS\s+NODES\s+READY\s+AGE/, /default\s+default/],
  },
  {
    verb: "get category",
    args: words("get karpenter"),
    expect: [/nodepool\.karpenter\.sh\/default/, /kwoknodeclass\.karpenter\.kwok\.sh\/default/],
  },
  {
    verb: "get --chunk-size",
    args: words("get pods -A --chunk-size=2"),
    expect: [/agent-a/, /web-2-b/, /karpenter-1/],
  },
  { verb: "get --raw", args: words("get --raw /readyz"), expect: [/^ok$/] },
  { verb: "get --raw list", args: words("get --raw /api/v1/nodes"), expect: [/"kind":"NodeList"/] },
  { verb: "get --subresource", args: words("get deploy web --subresource=scale"), expect: [/web/] },
  {
    verb: "get events",
    args: words("get events"),
    expect: [/LAST SEEN\s+TYPE\s+REASON\s+OBJECT\s+MESSAGE/, /Scheduled\s+pod\/web-2-a/],
  },
  {
    verb: "get events --sort-by",
    args: words("get events -n default --sort-by=.lastTimestamp --field-selector reason=Scheduled"),
    expect: [/Scheduled/],
  },
  { verb: "get empty", args: words("get pv,hpa,sts,jobs,cronjobs,sc"), expect: [/No resources found/] },
  { verb: "get crd", args: words("get crd"), expect: [/nodepools\.karpenter\.sh/] },
  { verb: "get webhooks", args: words("get validatingwebhookconfigurations"), expect: [/No resources found/] },
  {
    verb: "describe node",
    args: words("describe node node-a"),
    expect: [/Allocatable:/, /Non-terminated Pods:\s+\(2 in total\)/, /web-2-a/, /HolderIdentity:\s+node-a/],
  },
  { verb: "describe pod", args: words("describe pod web-2-a"), expect: [/Node:\s+node-a/, /Successfully assigned/] },
  {
    verb: "describe pod -l",
    args: words("describe pod -n karpenter -l app.kubernetes.io/name=karpenter"),
    expect: [/Name:\s+karpenter-1/],
  },
  {
    verb: "describe deployment",
    args: words("describe deployment web"),
    expect: [/2 desired \| 2 updated/, /NewReplicaSet:\s+web-2/],
  },
  { verb: "describe rs", args: words("describe rs web-2"), expect: [/Replicas:\s+2 current \/ 2 desired/] },
  { verb: "describe pdb", args: words("describe pdb web"), expect: [/Min available:\s+1/] },
  { verb: "describe ns", args: words("describe ns default"), expect: [/No resource quota/, /No LimitRange/] },
  { verb: "describe svc", args: words("describe svc -n karpenter karpenter"), expect: [/http-metrics/] },
  {
    verb: "describe custom",
    args: words("describe nodepool default"),
    expect: [/Kind:\s+NodePool/, /Capacity|capacity-type/],
  },
  { verb: "describe by prefix", args: words("describe nodepool def"), expect: [/Name:\s+default/] },
  { verb: "events", args: words("events"), expect: [/Scheduled\s+Pod\/web-2-a/] },
  { verb: "events --for", args: words("events --for pod/web-2-a"), expect: [/Successfully assigned/] },
  { verb: "logs", args: words("logs -n karpenter karpenter-1"), expect: [/starting/, /found provisionable/] },
  {
    verb: "logs -f -l -c",
    args: words("logs -f -n karpenter -l app.kubernetes.io/name=karpenter -c controller"),
    expect: [/starting/, /and one more/],
  },
  {
    verb: "logs --tail",
    args: words("logs -n karpenter karpenter-1 --tail=1"),
    expect: [/provisionable/],
    not: [/starting/],
  },
  { verb: "logs --since", args: words("logs -n karpenter karpenter-1 --since=1m"), expect: [], not: [/starting/] },
  {
    verb: "logs --timestamps",
    args: words("logs -n karpenter karpenter-1 --timestamps --tail=1"),
    expect: [/^2026-01-01T00:00:01\.0+Z \{/],
  },
  {
    verb: "logs --previous",
    args: words("logs -n karpenter karpenter-1 --previous"),
    expect: [/previous terminated container "controller" in pod "karpenter-1" not found/],
    exitCode: 1,
  },
  { verb: "logs deploy/NAME", args: words("logs deploy/web"), expect: [/starting/] },
  {
    verb: "logs of a pod that waits",
    args: words("logs -n karpenter pending"),
    expect: [/container "c" in pod "pending" is waiting to start/],
    exitCode: 1,
  },
  { verb: "top nodes", args: words("top nodes"), expect: [/node-a\s+250m\s+6%\s+512Mi\s+3%/] },
  { verb: "top pods", args: words("top pods -A"), expect: [/web-2-a\s+10m\s+16Mi/] },
  {
    verb: "explain",
    args: words("explain deployment.spec.template.spec.containers"),
    expect: [/KIND:\s+Deployment/, /image\s+<string>/, /ports\s+<\[\]ContainerPort>/],
  },
  { verb: "explain custom", args: words("explain nodepool.spec.limits"), expect: [/GROUP:\s+karpenter\.sh/] },
  {
    verb: "explain --recursive",
    args: words("explain nodepool --recursive"),
    expect: [/requirements\s+<\[\]Object>/, /nodeClassRef/],
  },
  { verb: "auth can-i", args: words("auth can-i create deployments"), expect: [/^yes$/m] },
  { verb: "auth can-i --list", args: words("auth can-i --list"), expect: [/\*\.\*/] },
  { verb: "auth whoami", args: words("auth whoami"), expect: [/Username\s+playground/] },
  { verb: "exec", args: words("exec web-2-a -- ls"), expect: [/run no programs/], exitCode: 1, isStream: true },
];

const named = (name: string, nth: number): object => ({
  name: nth === 0 ? name : `${name}-${nth}`,
  namespace: "default",
});
const mapWhileWatching = (name: string, nth: number): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: named(name, nth),
});
const eventWhileWatching = (nth: number): object => ({
  apiVersion: "v1",
  kind: "Event",
  metadata: named("watched", nth),
  involvedObject: { apiVersion: "v1", kind: "Pod", name: "web-2-b", namespace: "default" },
  type: "Warning",
  reason: "SeenWhileWatching",
  message: "hello",
  lastTimestamp: "2026-01-01T00:00:00Z",
});

const WATCHING: readonly Step[] = [
  {
    verb: "get -w",
    args: words("get cm -w"),
    expect: [/seen-while-watching/],
    during: (world, nth) => world.put(mapWhileWatching("seen-while-watching", nth)),
  },
  {
    verb: "get NAME -w",
    args: words("get cm seen-while-watching -w"),
    expect: [/seen-while-watching/],
    during: () => undefined,
  },
  { verb: "get custom -w", args: words("get nodepools -w"), expect: [/NODECLASS/, /default/], during: () => undefined },
  {
    verb: "events --watch",
    args: words("events --watch"),
    expect: [/SeenWhileWatching/],
    during: (world, nth) => world.put(eventWhileWatching(nth)),
  },
];

/** Writing: each step finds what those before it have left. */
const WRITING: readonly Step[] = [
  {
    verb: "create -f",
    args: words("create -f -"),
    input: configMap({ a: "1" }, "created"),
    expect: [/configmap\/created created/],
  },
  {
    verb: "create -f again",
    args: words("create -f -"),
    input: configMap({ a: "1" }, "created"),
    expect: [/AlreadyExists.*configmaps "created" already exists/],
    exitCode: 1,
  },
  { verb: "create ns", args: words("create ns shop"), expect: [/namespace\/shop created/] },
  {
    verb: "create deployment",
    args: words("create deployment cart --image=nginx --replicas=3 -n shop"),
    expect: [/deployment\.apps\/cart created/],
  },
  { verb: "create cm", args: words("create cm c1 --from-literal=a=b"), expect: [/configmap\/c1 created/] },
  { verb: "create secret", args: words("create secret generic s1 --from-literal=a=b"), expect: [/secret\/s1 created/] },
  {
    verb: "create pdb",
    args: words("create pdb cart --selector=app=cart --min-available=50%"),
    expect: [/poddisruptionbudget\.policy\/cart created/],
  },
  { verb: "create job", args: words("create job j1 --image=busybox -- echo hi"), expect: [/job\.batch\/j1 created/] },
  {
    verb: "create cronjob",
    args: ["create", "cronjob", "cj", "--image=busybox", "--schedule=0 3 * * *"],
    expect: [/cronjob\.batch\/cj created/],
  },
  {
    verb: "create priorityclass",
    args: words("create priorityclass high --value=1000"),
    expect: [/priorityclass\.scheduling\.k8s\.io\/high created/],
  },
  { verb: "create sa", args: words("create sa robot"), expect: [/serviceaccount\/robot created/] },
  { verb: "create token", args: words("create token robot"), expect: [/\S{20,}/] },
  { verb: "create quota", args: words("create quota q1 --hard=cpu=1,pods=2"), expect: [/resourcequota\/q1 created/] },
  { verb: "create service", args: words("create service clusterip s1 --tcp=80:8080"), expect: [/service\/s1 created/] },
  { verb: "run", args: words("run probe --image=busybox --restart=Never"), expect: [/pod\/probe created/] },
  { verb: "expose", args: words("expose deployment web --port=80"), expect: [/service\/web exposed/] },
  {
    verb: "autoscale",
    args: words("autoscale deployment web --min=1 --max=3 --cpu-percent=50"),
    expect: [/horizontalpodautoscaler\.autoscaling\/web autoscaled/],
  },
  { verb: "get hpa", args: words("get hpa"), expect: [/Deployment\/web\s+cpu: <unknown>\/50%\s+1\s+3/] },
  {
    verb: "apply",
    args: words("apply -f -"),
    input: deployment("nginx:1"),
    expect: [/deployment\.apps\/applied created/],
  },
  {
    verb: "apply unchanged",
    args: words("apply -f -"),
    input: deployment("nginx:1"),
    expect: [/deployment\.apps\/applied unchanged/],
  },
  {
    verb: "apply twice",
    args: words("apply -f -"),
    input: deployment("nginx:2", { containers: [{ name: "a", image: "nginx:2" }] }),
    expect: [/deployment\.apps\/applied configured/],
  },
  {
    verb: "apply twice, result",
    args: [
      "get",
      "deploy",
      "applied",
      "-o",
      "jsonpath={.spec.template.spec.containers[*].name} {.spec.template.spec.containers[*].image}",
    ],
    expect: [/^a nginx:2$/],
  },
  {
    verb: "apply custom",
    args: words("apply -f -"),
    input: pool(1),
    expect: [/nodepool\.karpenter\.sh\/applied created/],
  },
  {
    verb: "apply custom twice",
    args: words("apply -f -"),
    input: pool(5),
    expect: [/nodepool\.karpenter\.sh\/applied configured/],
  },
  {
    verb: "apply unknown field",
    args: words("apply -f -"),
    input: pool(5, { limitz: {} }),
    expect: [/strict decoding error: unknown field "spec\.limitz"/],
    exitCode: 1,
  },
  {
    verb: "apply CEL violation",
    args: words("apply -f -"),
    input: pool(500),
    expect: [/NodePool\.karpenter\.sh "applied"|The NodePool "applied" is invalid/, /spec\.weight/],
    exitCode: 1,
  },
  {
    verb: "apply wrong type",
    args: words("apply -f -"),
    input: deployment("x").replace('"replicas":1', '"replicas":"one"'),
    expect: [/cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32/],
    exitCode: 1,
  },
  {
    verb: "apply unknown built-in field",
    args: words("apply -f -"),
    input: deployment("x", { nodeSelectorr: {} }),
    expect: [/unknown field "spec\.template\.spec\.nodeSelectorr"/],
    exitCode: 1,
  },
  {
    verb: "apply --dry-run=server",
    args: words("apply --dry-run=server -f -"),
    input: configMap({ a: "1" }, "never"),
    expect: [/configmap\/never created \(server dry run\)/],
  },
  { verb: "apply --dry-run=server, result", args: words("get cm never"), expect: [/not found/], exitCode: 1 },
  {
    verb: "apply --server-side",
    args: words("apply --server-side -f -"),
    input: configMap({ a: "1" }),
    expect: [/configmap\/applied serverside-applied/],
  },
  {
    verb: "apply --server-side conflict",
    args: words("apply --server-side --field-manager=other -f -"),
    input: configMap({ a: "2" }),
    expect: [/Apply failed with 1 conflict: conflict with "kubectl".*: \.data\.a/],
    exitCode: 1,
  },
  {
    verb: "apply --server-side --force-conflicts",
    args: words("apply --server-side --field-manager=other --force-conflicts -f -"),
    input: configMap({ a: "2" }),
    expect: [/serverside-applied/],
  },
  {
    verb: "apply --server-side after apply",
    args: words("apply --server-side -f -"),
    input: deployment("nginx:2"),
    expect: [/deployment\.apps\/applied serverside-applied/],
  },
  {
    verb: "diff",
    args: words("diff -f -"),
    input: pool(7),
    expect: [/^-\s+weight: 5$/m, /^\+\s+weight: 7$/m],
    exitCode: 1,
  },
  { verb: "diff, result", args: ["get", "nodepool", "applied", "-o", "jsonpath={.spec.weight}"], expect: [/^5$/] },
  {
    verb: "edit",
    args: words("edit nodepool applied"),
    env: { KUBE_EDITOR: "sed -i s/weight:.5/weight:\\ 6/" },
    expect: [/nodepool\.karpenter\.sh\/applied edited/],
  },
  {
    verb: "edit built-in",
    args: words("edit deploy web"),
    env: { KUBE_EDITOR: "sed -i s/nginx:1.2/nginx:1.3/" },
    expect: [/deployment\.apps\/web edited/],
  },
  {
    verb: "replace",
    args: words("replace -f -"),
    input: configMap({ b: "2" }, "created"),
    expect: [/configmap\/created replaced/],
  },
  {
    verb: "patch strategic",
    args: [
      "patch",
      "deploy",
      "web",
      "-p",
      '{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"1"}]}]}}}}',
    ],
    expect: [/patched/],
  },
  {
    verb: "patch strategic, result",
    args: [
      "get",
      "deploy",
      "web",
      "-o",
      "jsonpath={.spec.template.spec.containers[*].image} {.spec.template.spec.containers[0].env[0].name}",
    ],
    expect: [/^nginx:1\.3 A$/],
  },
  {
    verb: "patch merge",
    args: ["patch", "nodepool", "default", "--type=merge", "-p", '{"spec":{"limits":{"cpu":"100"}}}'],
    expect: [/nodepool\.karpenter\.sh\/default patched/],
  },
  {
    verb: "patch json",
    args: ["patch", "cm", "created", "--type=json", "-p", '[{"op":"add","path":"/data/c","value":"3"}]'],
    expect: [/configmap\/created patched/],
  },
  {
    verb: "patch strategic of a custom kind",
    args: ["patch", "nodepool", "default", "-p", "{}"],
    expect: [/patched \(no change\)|415|UnsupportedMediaType|media type/i],
    exitCode: 1,
  },
  { verb: "label", args: words("label node node-a team=shop"), expect: [/node\/node-a labeled/] },
  { verb: "label -", args: words("label node node-a team-"), expect: [/node\/node-a unlabeled/] },
  {
    verb: "annotate",
    args: words(
      "annotate serviceaccount karpenter -n karpenter eks.amazonaws.com/role-arn=arn:aws:iam::1:role/x --overwrite",
    ),
    expect: [/serviceaccount\/karpenter annotated/],
  },
  { verb: "taint", args: words("taint node node-a dedicated=gpu:NoSchedule"), expect: [/node\/node-a tainted/] },
  { verb: "taint -", args: words("taint node node-a dedicated-"), expect: [/node\/node-a untainted/] },
  { verb: "scale", args: words("scale deployment web --replicas=4"), expect: [/deployment\.apps\/web scaled/] },
  {
    verb: "scale --current-replicas",
    args: words("scale deployment web --current-replicas=4 --replicas=2"),
    expect: [/deployment\.apps\/web scaled/],
  },
  {
    verb: "scale --current-replicas wrong",
    args: words("scale deployment web --current-replicas=9 --replicas=2"),
    expect: [/Expected replicas to be 9, was 2/],
    exitCode: 1,
  },
  { verb: "scale all of a label", args: words("scale deploy -l app=web --replicas=2"), expect: [/scaled/] },
  { verb: "set image", args: words("set image deployment/web c=nginx:1.4"), expect: [/image updated/] },
  {
    verb: "set resources",
    args: words("set resources deployment web --requests=cpu=50m"),
    expect: [/resource requirements updated/],
  },
  {
    verb: "rollout status",
    args: words("rollout status deployment web --timeout=10s"),
    expect: [/successfully rolled out/],
  },
  {
    verb: "rollout restart",
    args: words("rollout restart deployment web"),
    expect: [/deployment\.apps\/web restarted/],
  },
  { verb: "rollout pause", args: words("rollout pause deployment web"), expect: [/deployment\.apps\/web paused/] },
  { verb: "rollout resume", args: words("rollout resume deployment web"), expect: [/deployment\.apps\/web resumed/] },
  { verb: "rollout history", args: words("rollout history deployment web"), expect: [/REVISION[\s\S]*1[\s\S]*2/] },
  {
    verb: "rollout undo",
    args: words("rollout undo deployment web --to-revision=1"),
    expect: [/deployment\.apps\/web rolled back/],
  },
  {
    verb: "rollout undo, result",
    args: ["get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}"],
    expect: [/^nginx:1\.1$/],
  },
  {
    verb: "wait condition",
    args: words("wait deploy/web --for=condition=Available --timeout=10s"),
    expect: [/condition met/],
  },
  {
    verb: "wait jsonpath",
    args: ["wait", "deploy/web", "--for=jsonpath={.status.readyReplicas}=2", "--timeout=10s"],
    expect: [/condition met/],
  },
  {
    verb: "wait -l",
    args: words("wait pod -l app=web --for=condition=Ready --timeout=10s"),
    expect: [/web-2-a condition met/, /web-2-b condition met/],
  },
  {
    verb: "wait established",
    args: words("wait crd nodepools.karpenter.sh --for=condition=established --timeout=10s"),
    expect: [/condition met/],
  },
  { verb: "cordon", args: words("cordon node-a"), expect: [/node\/node-a cordoned/] },
  { verb: "cordon, result", args: words("get node node-a"), expect: [/Ready,SchedulingDisabled/] },
  { verb: "uncordon", args: words("uncordon node-a"), expect: [/node\/node-a uncordoned/] },
  { verb: "drain refused", args: words("drain node-a"), expect: [/cannot delete DaemonSet-managed Pods/], exitCode: 1 },
  {
    verb: "drain",
    args: words("drain node-a --ignore-daemonsets --delete-emptydir-data --timeout=20s"),
    expect: [/evicting pod default\/web-2-a/, /node\/node-a drained/],
  },
  {
    verb: "drain against a budget",
    args: words("drain node-b --pod-selector=app=web --timeout=2s"),
    expect: [/Cannot evict pod as it would violate the pod's disruption budget/],
    exitCode: 1,
  },
  { verb: "uncordon after it", args: words("uncordon node-b"), expect: [/node\/node-b uncordoned/] },
  { verb: "drain, result", args: words("get pods"), expect: [/web-2-b/, /agent-a/], not: [/web-2-a/] },
  {
    verb: "delete",
    args: words("delete cm created c1"),
    expect: [/configmap "created" deleted/, /configmap "c1" deleted/],
  },
  {
    verb: "delete --ignore-not-found",
    args: words("delete nodepool nope --ignore-not-found=true --timeout=5m"),
    expect: [],
  },
  {
    verb: "delete missing",
    args: words("delete nodepool nope"),
    expect: [/nodepools\.karpenter\.sh "nope" not found/],
    exitCode: 1,
  },
  { verb: "delete -l", args: words("delete pod -l app=web"), expect: [/pod "web-2-b" deleted/] },
  { verb: "wait --for=delete", args: words("wait pod/web-2-b --for=delete --timeout=10s"), expect: [] },
  {
    verb: "delete --force",
    args: words("delete pod probe --force --grace-period=0"),
    expect: [/pod "probe" force deleted/],
  },
  {
    verb: "delete --all",
    args: words("delete nodepool --all"),
    expect: [/nodepool\.karpenter\.sh "applied" deleted/, /nodepool\.karpenter\.sh "default" deleted/],
  },
  {
    verb: "delete -f",
    args: words("delete -f -"),
    input: configMap({}, "applied"),
    expect: [/configmap "applied" deleted/],
  },
];

const redis = manifest({
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { name: "redis", namespace: "cache" },
  spec: {
    serviceName: "redis",
    selector: { matchLabels: { app: "redis" } },
    template: {
      metadata: { labels: { app: "redis" }, annotations: { "karpenter.sh/do-not-disrupt": "true" } },
      spec: { terminationGracePeriodSeconds: 300, containers: [{ name: "redis", image: "redis" }] },
    },
  },
});

/** Other forms, most of them from documents that users follow. */
const MORE: readonly Step[] = [
  {
    verb: "apply a List",
    args: words("apply -f -"),
    input: manifest({
      apiVersion: "v1",
      kind: "List",
      items: [JSON.parse(configMap({}, "l1")), JSON.parse(configMap({}, "l2"))],
    }),
    expect: [/configmap\/l1 created/, /configmap\/l2 created/],
  },
  {
    verb: "replace --force",
    args: words("replace --force -f -"),
    input: configMap({ z: "1" }, "l1"),
    expect: [/configmap\/l1 replaced/],
  },
  { verb: "apply view-last-applied", args: words("apply view-last-applied cm l2"), expect: [/name: l2/] },
  {
    verb: "get -o custom-columns",
    args: words("get nodes -o custom-columns=N:.metadata.name,Z:.metadata.labels.karpenter\\.sh/nodepool"),
    expect: [/^N\s+Z$/m, /node-a\s+default/],
  },
  { verb: "get --no-headers", args: words("get nodes --no-headers"), expect: [/node-a/], not: [/STATUS/] },
  { verb: "get -A of cluster-wide kinds", args: words("get nodeclaim -A"), expect: [/No resources found/] },
  {
    verb: "get --watch-only",
    args: words("get cm --watch-only"),
    expect: [/only-this/],
    not: [/l2/],
    during: (world, nth) => world.put(mapWhileWatching("only-this", nth)),
  },
  {
    verb: "get --show-managed-fields",
    args: words("get cm l2 -o yaml --show-managed-fields"),
    expect: [/manager: kubectl-client-side-apply/, /f:metadata/],
  },
  {
    verb: "top pods --containers",
    args: words("top pods -n karpenter --containers"),
    expect: [/karpenter-1\s+c\s+10m/],
  },
  { verb: "top node NAME", args: words("top node node-b"), expect: [/node-b\s+250m/], not: [/node-a/] },
  {
    verb: "describe crd",
    args: words("describe crd nodepools.karpenter.sh"),
    expect: [/Kind:\s+CustomResourceDefinition/],
  },
  { verb: "describe sa", args: words("describe sa karpenter -n karpenter"), expect: [/eks\.amazonaws\.com\/role-arn/] },
  {
    verb: "describe missing webhook",
    args: words("describe validatingwebhookconfiguration validation.webhook.karpenter.sh"),
    expect: [/not found/],
    exitCode: 1,
  },
  { verb: "create ns cache", args: words("create ns cache"), expect: [/namespace\/cache created/] },
  {
    verb: "apply a StatefulSet",
    args: words("apply -f -"),
    input: redis,
    expect: [/statefulset\.apps\/redis created/],
  },
  {
    verb: "patch json remove",
    args: [
      "patch",
      "statefulset",
      "redis",
      "-n",
      "cache",
      "--type=json",
      '-p=[{"op":"remove","path":"/spec/template/metadata/annotations/karpenter.sh~1do-not-disrupt"}]',
    ],
    expect: [/statefulset\.apps\/redis patched/],
  },
  {
    verb: "patch merge annotations",
    args: [
      "patch",
      "statefulset",
      "redis",
      "-n",
      "cache",
      "--type=merge",
      '-p={"spec":{"template":{"metadata":{"annotations":{"karpenter.sh/do-not-disrupt":"true"}}}}}',
    ],
    expect: [/statefulset\.apps\/redis patched/],
  },
  {
    verb: "rollout status sts",
    args: words("rollout history statefulset redis -n cache"),
    expect: [/statefulset\.apps\/redis/],
  },
  { verb: "set env", args: words("set env deployment/applied A=B"), expect: [/deployment\.apps\/applied env updated/] },
  {
    verb: "cordon several",
    args: words("cordon node-a node-b"),
    expect: [/node\/node-a already cordoned/, /node\/node-b cordoned/],
  },
  {
    verb: "uncordon by label",
    args: words("uncordon -l karpenter.sh/nodepool=default"),
    expect: [/node\/node-a uncordoned/, /node\/node-b uncordoned/],
  },
  { verb: "attach", args: words("attach agent-a"), expect: [/run no programs/], exitCode: 1, isStream: true },
  {
    verb: "cp",
    args: words("cp agent-a:/etc/hosts /dev/null"),
    expect: [/run no programs/],
    exitCode: 1,
    isStream: true,
  },
  {
    verb: "logs of a label that nothing has",
    args: words("logs -n kube-system -l component=kube-apiserver --tail=200"),
    expect: [/No resources found/],
  },
];

export const VERBS: readonly Step[] = [...READING, ...WATCHING, ...WRITING, ...MORE];
