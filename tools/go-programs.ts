import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** Programs that tests need and that come as Go modules: a folder below tools/ pins them in its go.mod. */
export type GoModule = {
  folder: string;
  /** The program's name, and its package as seen from the folder. */
  programs: Readonly<Record<string, string>>;
  /** Values of the programs' own version variables. */
  variables: Readonly<Record<string, string>>;
};

const KUBERNETES_VERSION = "v1.34.4";
export const CONTROL_PLANE: GoModule = {
  folder: "control-plane",
  programs: {
    etcd: "./etcd",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
  },
  variables: {
    "k8s.io/component-base/version.gitVersion": KUBERNETES_VERSION,
    "k8s.io/component-base/version.gitMajor": "1",
    "k8s.io/component-base/version.gitMinor": "34",
  },
};
export const HELM: GoModule = { folder: "helm", programs: { helm: "helm.sh/helm/v3/cmd/helm" }, variables: {} };
export const GO_MODULES: readonly GoModule[] = [CONTROL_PLANE, HELM];

/** The folder that holds all programs of the module, if they have been built, or are given by KUBEBUILDER_ASSETS. */
export function findPrograms(module: GoModule, env = process.env): string | undefined {
  return [env["KUBEBUILDER_ASSETS"] ?? "", cacheFolder(module, env)].find((folder) => isComplete(module, folder));
}

/** Builds what is missing, quietly in the background of the machine; the result is kept outside of the repository. */
export async function buildPrograms(module: GoModule, env = process.env): Promise<string> {
  const present = findPrograms(module, env);
  if (present !== undefined) return present;
  const folder = cacheFolder(module, env);
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  for (const [name, source] of Object.entries(module.programs)) {
    await run(
      "nice",
      ["go", "build", "-trimpath", "-ldflags", linkerFlags(module), "-o", join(unfinished, name), source],
      {
        cwd: sourceFolder(module),
      },
    );
  }
  // Two builds at a time end with one of them in place.
  if (isComplete(module, folder)) rmSync(unfinished, { recursive: true });
  else renameSync(unfinished, folder);
  return folder;
}

/** Whether a Go compiler is on PATH. */
export function hasGo(env = process.env): boolean {
  return (env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, "go")));
}

function isComplete({ programs }: GoModule, folder: string): boolean {
  return folder !== "" && Object.keys(programs).every((name) => existsSync(join(folder, name)));
}

function cacheFolder(module: GoModule, env: NodeJS.ProcessEnv): string {
  const caches = env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(caches, "karpenter", `${module.folder}-${keyOf(module)}`);
}

/** Other sources, other versions or other flags are other programs. */
function keyOf(module: GoModule): string {
  const hash = createHash("sha256").update(JSON.stringify(module));
  const root = sourceFolder(module);
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(go|mod|sum)$/.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

function sourceFolder({ folder }: GoModule): string {
  return new URL(`./${folder}/`, import.meta.url).pathname;
}

function linkerFlags({ variables }: GoModule): string {
  return ["-s", "-w", ...Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`)].join(" ");
}

function run(command: string, args: readonly string[], { cwd }: { cwd: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: "inherit" });
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${command} ${args.join(" ")}: ${code}`))));
  });
}
