const TOKEN_SECONDS = 60;
const TIMEOUT_MS = 2_000;

/** The region of the EC2 instance that this process runs on; undefined anywhere else. */
export async function regionOfThisInstance(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  if (env["AWS_EC2_METADATA_DISABLED"] === "true") return undefined;
  const base = env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? "http://169.254.169.254";
  try {
    const token = await ask(`${base}/latest/api/token`, "PUT", {
      "x-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_SECONDS),
    });
    return await ask(`${base}/latest/meta-data/placement/region`, "GET", { "x-aws-ec2-metadata-token": token });
  } catch {
    // Nobody answers: this is no instance, or it may not be asked.
    return undefined;
  }
}

async function ask(url: string, method: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(url, { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await response.text();
  if (!response.ok || text === "") throw new RangeError(`${url} answers ${response.status}`);
  return text.trim();
}
