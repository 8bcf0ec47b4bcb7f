import { createSign, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { type Connection, connect } from "../../src/kube/connect.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import { type Kind, NAMESPACES } from "../../src/model/kinds.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { CONTROL_PLANE, findPrograms } from "../../tools/go-programs.ts";
import { freePorts, ready, type Started, start } from "./processes.ts";

/** Kubernetes' own API server, controllers and scheduler on loopback, with an etcd of their own. */
export type ControlPlane = {
  /** Everything that it and the tests write; gone after `stop`. */
  readonly folder: string;
  /** As a member of system:masters. */
  readonly connection: Connection;
  /** The path of a kubeconfig for a bearer token. */
  kubeconfig(name: string, token: string): string;
  readonly adminKubeconfig: string;
  /** A token of a ServiceAccount that has expired so long ago. */
  expiredToken(namespace: string, account: string, secondsAgo: number): string;
  stopApiServer(): Promise<void>;
  startApiServer(): Promise<void>;
  stop(): Promise<void>;
};

const ADMIN_TOKEN = "admin-token";
const ISSUER = "https://kubernetes.default.svc.cluster.local";
/** The controllers' own limits would be what a test of 1,000 pods measures. */
const CLIENT_LIMITS = ["--kube-api-qps=1000", "--kube-api-burst=2000"];
const START_MS = 90_000;

/** Why the tests with a real control plane cannot run here; false: they can. */
export function whyNoControlPlane(): string | false {
  return findPrograms(CONTROL_PLANE) === undefined
    ? 'no control plane here: "node tools/build-go-programs.ts control-plane" builds it where there is Go, KUBEBUILDER_ASSETS names one'
    : false;
}

/**
 * Resolves when it is ready for work.
 * @param isAlone without controllers and scheduler: nobody but the test changes anything
 */
export async function startControlPlane({ isAlone = false } = {}): Promise<ControlPlane> {
  const programs = findPrograms(CONTROL_PLANE) ?? "";
  const folder = mkdtempSync(join(tmpdir(), "karpenter-cluster-"));
  const [etcdPort = 0, peerPort = 0, apiPort = 0] = await freePorts(3);
  const serverUrl = `https://127.0.0.1:${apiPort}`;
  const keys = writeSecrets(folder);
  const program = (name: string, args: readonly string[]): Started =>
    start(name, join(programs, name), args, { folder });

  const etcd = program("etcd", etcdFlags(folder, etcdPort, peerPort));
  await ready(etcd, "health", async () => (await fetch(`http://127.0.0.1:${etcdPort}/health`)).ok, START_MS);
  const certificate = join(folder, "certificates", "apiserver.crt");
  const kubeconfig = (name: string, token: string): string =>
    writeKubeconfig(join(folder, `${name}.kubeconfig`), { serverUrl, certificate, token });
  let apiServer: Started;
  let connection: Connection | undefined;
  const startApiServer = async (): Promise<void> => {
    const flags = apiServerFlags(folder, etcdPort, apiPort);
    // Service accounts are made by a controller.
    apiServer = program("kube-apiserver", isAlone ? [...flags, "--disable-admission-plugins=ServiceAccount"] : flags);
    await ready(apiServer, "certificate", async () => existsSync(certificate), START_MS);
    connection ??= await connect({
      env: {},
      kubeconfig: kubeconfig("admin", ADMIN_TOKEN),
      clock: realClock(),
      random: new Random(31),
    });
    await ready(apiServer, "answer", () => isServing(connection as Connection), START_MS);
  };
  await startApiServer();
  const adminKubeconfig = join(folder, "admin.kubeconfig");
  const helpers = isAlone ? [] : startHelpers(program, adminKubeconfig, keys.privateKeyFile, certificate);
  const [controllers] = helpers;
  if (controllers !== undefined) {
    await ready(controllers, "service accounts", () => hasServiceAccount(connection as Connection), START_MS);
  }
  return {
    folder,
    connection: connection as unknown as Connection,
    kubeconfig,
    adminKubeconfig,
    expiredToken: (namespace, account, secondsAgo) =>
      signedToken(keys.privateKey, `system:serviceaccount:${namespace}:${account}`, secondsAgo),
    stopApiServer: () => apiServer.stop(),
    startApiServer,
    async stop() {
      await connection?.close();
      for (const each of [...helpers, apiServer, etcd]) await each.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type StartProgram = (name: string, args: readonly string[]) => Started;

function startHelpers(
  program: StartProgram,
  kubeconfig: string,
  privateKeyFile: string,
  certificate: string,
): Started[] {
  const common = [`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0", ...CLIENT_LIMITS];
  const forControllers = [`--service-account-private-key-file=${privateKeyFile}`, `--root-ca-file=${certificate}`];
  return [program("kube-controller-manager", [...common, ...forControllers]), program("kube-scheduler", common)];
}

type Keys = { privateKey: string; privateKeyFile: string };

/** Keys of service accounts, and the token of the one who may do everything. */
function writeSecrets(folder: string): Keys {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const privateKeyFile = join(folder, "service-accounts.key");
  writeFileSync(privateKeyFile, privateKey, { mode: 0o600 });
  writeFileSync(join(folder, "service-accounts.pub"), publicKey);
  writeFileSync(join(folder, "tokens.csv"), `${ADMIN_TOKEN},admin,admin,"system:masters"\n`, { mode: 0o600 });
  return { privateKey, privateKeyFile };
}

function etcdFlags(folder: string, port: number, peerPort: number): string[] {
  const url = `http://127.0.0.1:${port}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  return [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    // What a test writes need not outlive the machine.
    "--unsafe-no-fsync",
  ];
}

/** The server makes its own certificate in the folder, which its clients then trust. */
function apiServerFlags(folder: string, etcdPort: number, port: number): string[] {
  const certificates = join(folder, "certificates");
  mkdirSync(certificates, { recursive: true });
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${port}`,
    `--cert-dir=${certificates}`,
    `--token-auth-file=${join(folder, "tokens.csv")}`,
    "--authorization-mode=RBAC",
    `--service-account-issuer=${ISSUER}`,
    `--service-account-key-file=${join(folder, "service-accounts.pub")}`,
    `--service-account-signing-key-file=${join(folder, "service-accounts.key")}`,
    "--service-cluster-ip-range=10.100.0.0/16",
  ];
}

type Access = { serverUrl: string; certificate: string; token: string };

function writeKubeconfig(path: string, { serverUrl, certificate, token }: Access): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "tests",
    clusters: [{ name: "tests", cluster: { server: serverUrl, "certificate-authority": certificate } }],
    users: [{ name: "tests", user: { token } }],
    contexts: [{ name: "tests", context: { cluster: "tests", user: "tests" } }],
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

async function isServing({ api }: Connection): Promise<boolean> {
  await api.get(NAMESPACES, { name: "kube-system" });
  return true;
}

const SERVICE_ACCOUNTS: Kind<KubeObject> = {
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  namespaced: true,
};

async function hasServiceAccount({ api }: Connection): Promise<boolean> {
  await api.get(SERVICE_ACCOUNTS, { namespace: "default", name: "default" });
  return true;
}

/** A JSON web token as the API server signs them itself, for times that it would not sign for. */
function signedToken(privateKey: string, subject: string, expiredSecondsAgo: number): string {
  const nowSeconds = Math.floor(realClock().nowMs() / 1_000);
  const claims = {
    iss: ISSUER,
    aud: [ISSUER],
    sub: subject,
    exp: nowSeconds - expiredSecondsAgo,
    iat: nowSeconds - 7_200,
  };
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}`;
  return `${body}.${createSign("sha256").update(body).sign(privateKey, "base64url")}`;
}
