import type { Clock } from "../../../ports/clock.ts";
import type { ApiServer } from "../api-server.ts";
import type { ForwardSource, LogSource, UsageSource } from "./sources.ts";

export type ServeOptions = {
  server: ApiServer;
  /** Loopback only: "127.0.0.1" (default) or "::1". */
  host?: string;
  /** 0 (default): any free one. */
  port?: number;
  /** The world's time, for ages; the machine's when absent. */
  clock?: Pick<Clock, "nowMs">;
  logs?: LogSource;
  usage?: UsageSource;
  forward?: ForwardSource;
};

export type ServedApi = {
  /** "http://127.0.0.1:PORT" */
  url: string;
  port: number;
  /** Ends every connection; resolves when nothing is left open. */
  close(): Promise<void>;
};

/**
 * Serves the simulated API server over plain HTTP on loopback, so that kubectl works.
 * @throws UserError when the port is taken
 */
export async function serveApi(options: ServeOptions): Promise<ServedApi> {
  throw new Error(`not yet ${options.port}`);
}
