/** What a client asked, and what the answer looked like. */
export type RecordedRequest = {
  method: string;
  /** With query; uids and versions are placeholders. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  bodyBase64?: string;
  answer: Answer;
};
export type RecordedRow = { verb: string; requests: RecordedRequest[] };

export type Answer = { code: number; type: string; shape: Shape | null };
export type Shape = {
  kind?: string;
  apiVersion?: string;
  /** Of a Table. */
  columns?: string[];
  /** Of lists and Tables: the names, in order. */
  names?: string[];
  /** Of a Status. */
  reason?: string;
  /** Of an object. */
  keys?: string[];
};

export const isWatch = (request: Pick<RecordedRequest, "path">): boolean => /[?&]watch=(true|1)/.test(request.path);

type Named = { metadata?: { name?: string } };
type Body = Record<string, unknown> & {
  columnDefinitions?: { name: string }[];
  rows?: { object?: Named }[];
  items?: Named[];
};

/** The parts of an answer that stay the same from run to run. Watches are judged by their headers alone. */
export function shapeOf(
  request: Pick<RecordedRequest, "path">,
  code: number,
  contentType: string | undefined,
  text: Buffer,
): Answer {
  const type = contentType ?? "";
  if (isWatch(request) || !type.startsWith("application/json")) return { code, type, shape: null };
  const body = JSON.parse(text.toString("utf8")) as Body;
  const shape: Shape = {};
  if (typeof body["kind"] === "string") shape.kind = body["kind"];
  if (typeof body["apiVersion"] === "string") shape.apiVersion = body["apiVersion"];
  if (body.columnDefinitions !== undefined) shape.columns = body.columnDefinitions.map((column) => column.name);
  const named = body.rows?.map((row) => row.object) ?? body.items;
  if (Array.isArray(named)) shape.names = named.map((item) => item?.metadata?.name ?? "");
  else if (body["kind"] === "Status") shape.reason = String(body["reason"] ?? body["status"]);
  else shape.keys = Object.keys(body).sort();
  return { code, type, shape };
}
