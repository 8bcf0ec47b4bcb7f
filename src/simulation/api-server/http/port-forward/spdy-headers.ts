import { constants, createDeflate, createInflate } from "node:zlib";
import { InvariantError } from "../../../../base/errors.ts";

/** Header blocks of a SPDY/3 connection: compressed as one stream per direction, so they must be read in order. */
export type HeaderCodec = {
  /** @throws InvariantError for bytes that are no header block */
  read(block: Buffer): Promise<Map<string, string>>;
  write(headers: ReadonlyMap<string, string>): Promise<Buffer>;
  close(): void;
};

export function headerCodec(): HeaderCodec {
  const inflate = createInflate({ dictionary: DICTIONARY });
  const deflate = createDeflate({ dictionary: DICTIONARY });
  return {
    async read(block) {
      await new Promise<void>((resolve, reject) => {
        inflate.once("error", reject);
        inflate.write(block, () => {
          inflate.off("error", reject);
          resolve();
        });
      });
      return parse(readAll(inflate));
    },
    async write(headers) {
      await new Promise<void>((resolve) => {
        deflate.write(print(headers));
        deflate.flush(constants.Z_SYNC_FLUSH, () => resolve());
      });
      return readAll(deflate);
    },
    close() {
      inflate.destroy();
      deflate.destroy();
    },
  };
}

function readAll(stream: NodeJS.ReadableStream): Buffer {
  const parts: Buffer[] = [];
  for (let part = stream.read(); part !== null; part = stream.read()) parts.push(part as unknown as Buffer);
  return Buffer.concat(parts);
}

function parse(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw new InvariantError("a header block is as long as it says");
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw new InvariantError("a header block is as long as it says");
    at += length;
    return block.toString("utf8", at - length, at);
  };
  for (let left = number(); left > 0; left -= 1) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}

function print(headers: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = [lengthOf(headers.size)];
  for (const [name, value] of headers) {
    for (const text of [name, value]) parts.push(lengthOf(Buffer.byteLength(text)), Buffer.from(text));
  }
  return Buffer.concat(parts);
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/** The dictionary that SPDY/3 prescribes: common words as they stand in a block, then plain text. */
const WORDS =
  "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|" +
  "authorization|cache-control|connection|content-base|content-encoding|content-language|content-length|" +
  "content-location|content-md5|content-range|content-type|date|etag|expect|expires|from|host|if-match|" +
  "if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|location|max-forwards|pragma|" +
  "proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|upgrade|" +
  "user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|" +
  "keep-alive|origin";
const TAIL =
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505" +
  "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden" +
  "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable" +
  "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT" +
  "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript," +
  "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";
const DICTIONARY = Buffer.concat([
  ...WORDS.split("|").flatMap((word) => [lengthOf(word.length), Buffer.from(word)]),
  Buffer.from(TAIL),
]);
