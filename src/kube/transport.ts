import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from "undici";
import { RetryError, UserError } from "../base/errors.ts";
import { parseTime } from "../base/time.ts";
import type { ClusterAccess, Credentials } from "./cluster-access.ts";
import { limits } from "./limits.ts";

export type ApiCall = {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query, from "/api" on. */
  path: string;
  body?: { text: string; contentType: string };
  timeoutMs: number;
};
export type Answer = {
  code: number;
  retryAfterSeconds: number | undefined;
  text: string;
  /** When the server answered, by its own clock, in whole seconds. */
  dateMs?: number;
};
export type Stream = {
  code: number;
  retryAfterSeconds: number | undefined;
  body: AsyncIterable<Buffer> & { text(): Promise<string> };
};

/** Requests to one API server: connections, credentials, who is asking. Knows nothing of objects. */
export class Transport {
  readonly #access: ClusterAccess;
  readonly #userAgent: string;
  readonly #basePath: string;
  readonly #origin: string;
  #pools: Pools | undefined;

  constructor(access: ClusterAccess, userAgent: string) {
    this.#access = access;
    this.#userAgent = userAgent;
    const { origin, pathname } = new URL(access.serverUrl);
    this.#origin = origin;
    this.#basePath = pathname.replace(/\/$/, "");
  }

  /**
   * One request and its whole answer. When the server does not take the credentials, new ones are tried once.
   * @throws RetryError when there was no answer: a write may have happened
   */
  async send(call: ApiCall): Promise<Answer> {
    try {
      return await this.#sendOnce(call);
    } catch (error) {
      // A kept connection may have ended in the same moment. Reading twice is no harm.
      if (call.method !== "GET" || !isClosedSocket(error)) throw noAnswer(error);
    }
    try {
      return await this.#sendOnce(call);
    } catch (error) {
      throw noAnswer(error);
    }
  }

  /**
   * One request whose answer is read bit by bit, on a connection of its own.
   * @throws RetryError when there was no answer, and from the body when it breaks off
   */
  async open(path: string, signal: AbortSignal): Promise<Stream> {
    try {
      return await this.#authorized(async ({ watches }, headers) => {
        const {
          statusCode,
          headers: answered,
          body,
        } = await watches.request({
          origin: this.#origin,
          path: this.#basePath + path,
          method: "GET",
          headers,
          signal,
          headersTimeout: limits.watchHeadersTimeoutMs,
          bodyTimeout: 0,
        });
        return { code: statusCode, retryAfterSeconds: retryAfter(answered), body, discard: () => body.dump() };
      });
    } catch (error) {
      throw noAnswer(error);
    }
  }

  /** Breaks off what is in flight. */
  async close(): Promise<void> {
    const pools = this.#pools;
    this.#pools = undefined;
    await Promise.all([pools?.requests.destroy(), pools?.watches.destroy()]);
  }

  async #sendOnce({ method, path, body, timeoutMs }: ApiCall): Promise<Answer> {
    return await this.#authorized(async ({ requests }, headers) => {
      const answer = await requests.request({
        origin: this.#origin,
        path: this.#basePath + path,
        method,
        headers: body === undefined ? headers : { ...headers, "content-type": body.contentType },
        body: body?.text ?? null,
        signal: AbortSignal.timeout(timeoutMs),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      const text = await answer.body.text();
      const code = answer.statusCode;
      const dateMs = parseTime(String(answer.headers["date"] ?? ""));
      return {
        code,
        retryAfterSeconds: retryAfter(answer.headers),
        text,
        discard: async () => undefined,
        ...(dateMs === undefined ? {} : { dateMs }),
      };
    });
  }

  async #authorized<T extends { code: number; discard(): Promise<void> }>(
    run: (pools: Pools, headers: Record<string, string>) => Promise<T>,
  ): Promise<T> {
    const first = await this.#runWith(await this.#access.credentials(false), run);
    if (first.code !== 401) return first;
    await first.discard();
    return await this.#runWith(await this.#access.credentials(true), run);
  }

  async #runWith<T>(
    credentials: Credentials,
    run: (pools: Pools, headers: Record<string, string>) => Promise<T>,
  ): Promise<T> {
    const headers = { ...credentials.headers, accept: "application/json", "user-agent": this.#userAgent };
    return await run(this.#poolsFor(credentials), headers);
  }

  /** The connections, made anew when the certificate that they were opened with has changed. */
  #poolsFor({ cert, key }: Credentials): Pools {
    const old = this.#pools;
    if (old !== undefined && old.cert === cert) return old;
    this.#pools = makePools(this.#access, cert === undefined || key === undefined ? undefined : { cert, key });
    // What is in flight there may end in peace.
    void old?.requests.close();
    void old?.watches.close();
    return this.#pools;
  }
}

type Pools = { cert: string | undefined; requests: Dispatcher; watches: Dispatcher };

function makePools({ tls, proxyUrl }: ClusterAccess, pair: { cert: string; key: string } | undefined): Pools {
  const connect = {
    ...tls,
    ...pair,
    timeout: limits.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: limits.keepAliveProbeMs,
  };
  const base = { keepAliveTimeout: limits.keepAliveMs, pipelining: 1 };
  const make = (connections: number | null): Dispatcher => {
    const pool = { ...base, connections };
    if (proxyUrl === undefined) return new Agent({ ...pool, connect });
    if (proxyUrl.startsWith("socks")) return new Socks5ProxyAgent(proxyUrl, { ...pool, requestTls: connect });
    return new ProxyAgent({ ...pool, uri: proxyUrl, requestTls: connect, proxyTunnel: true });
  };
  return { cert: pair?.cert, requests: make(limits.connectionsMax), watches: make(null) };
}

function retryAfter(headers: Record<string, string | string[] | undefined>): number | undefined {
  const seconds = Number(headers["retry-after"]);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

function isClosedSocket(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
}

function noAnswer(error: unknown): unknown {
  if (error instanceof RetryError || error instanceof UserError) return error;
  const why = error instanceof Error ? error.message || error.name : String(error);
  return new RetryError(`no answer from the API server: ${why}`, 0, error);
}
