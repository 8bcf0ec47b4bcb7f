/** The text of a kubeconfig for a server without authentication on loopback. JSON is YAML, so no emitter is needed. */
export function kubeconfigFor(url: string, name = "karpenter-playground"): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster: { server: url } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: "default" } }],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
