import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

const root = new URL("..", import.meta.url).pathname;
const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\0")
  .filter((file) => file !== "" && file !== "LICENSE");
const read = (file: string): string => readFileSync(root + file, "utf8");
const self = "tools/tidy.test.ts";

/** Each ban names what to use instead. */
const bans: readonly { pattern: RegExp; instead: string; in: RegExp; except?: RegExp }[] = [
  { pattern: /\bMath\.random\b/, instead: "draw from base/random.ts", in: /^(src|apps|test|bench)\/.*\.ts$/ },
  { pattern: /\.localeCompare\(/, instead: "byText of base/order.ts", in: /\.ts$/ },
  { pattern: /\.forEach\(async\b/, instead: "settleAll of base/settle-all.ts", in: /\.ts$/ },
  { pattern: /\bvi\.mock\b|\bmock\.module\b/, instead: "pass the port as an argument", in: /\.ts$/ },
  {
    pattern: /\bnew Error\(/,
    instead: "UserError, RetryError or InvariantError",
    in: /^(src|apps)\/(?!.*\.test\.ts$).*\.ts$/,
  },
  { pattern: /\b(TODO|FIXME|XXX)\b/, instead: "do it, or say in docs that it is missing", in: /\.(ts|cjs|md)$/ },
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)/,
    instead: "the Clock port",
    in: /^src\/.*\.ts$/,
    except: /^src\/kube\/real-clock\.ts$|\.test\.ts$/,
  },
  {
    pattern: /\bset(Timeout|Interval)\(/,
    instead: "the Clock port",
    in: /^src\/(?!kube\/real-clock|simulation\/api-server\/http\/).*\.ts$/,
    except: /\.test\.ts$/,
  },
  {
    pattern: /(^|[^.\w])eval\(|new Function\(/,
    instead: "plain code: the product runs without code generation",
    in: /\.ts$/,
  },
];

describe("tidiness", () => {
  for (const ban of bans) {
    it(`no ${ban.pattern.source}: use ${ban.instead}`, () => {
      const found: string[] = [];
      for (const file of files) {
        if (file === self || !ban.in.test(file) || ban.except?.test(file) === true) continue;
        read(file)
          .split("\n")
          .forEach((line, i) => {
            if (ban.pattern.test(line)) found.push(`${file}:${i + 1}: ${line.trim().slice(0, 100)}`);
          });
      }
      assert.deepEqual(found, []);
    });
  }

  it("file names are kebab-case", () => {
    const odd = files.filter((file) => /\.ts$/.test(file) && !/^[a-z0-9./-]+$/.test(file));
    assert.deepEqual(odd, []);
  });

  it("no file is larger than 1.5 MB", () => {
    const large = files.filter((file) => readFileSync(root + file).length > 1_500_000);
    assert.deepEqual(large, []);
  });

  it("the repository names no machine path and no package-registry host", () => {
    const bad = /\/root\/|\/work\/|registry\.npmjs|proxy\.golang\.org|pypi\.org|deb\.debian\.org/;
    const found = files.filter((file) => file !== self && bad.test(read(file)));
    assert.deepEqual(found, []);
  });
});

describe("package-lock.json", () => {
  type Entry = { version?: string; resolved?: string; optionalDependencies?: Record<string, string> };
  const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, Entry> };
  const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string> | undefined>;

  it("holds an entry for every optional package, so that npm ci works everywhere", () => {
    const present = new Set(Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, "")));
    const missing = Object.entries(lock.packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {})
        .filter((name) => !present.has(name))
        .map((name) => `${name} (of ${path})`),
    );
    assert.deepEqual(missing, []);
  });

  it("names no registry", () => {
    const named = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined);
    assert.deepEqual(named, []);
  });

  it("exact versions everywhere, and a line in docs/dependencies.md for each", () => {
    const documented = read("docs/dependencies.md");
    for (const section of ["dependencies", "devDependencies", "optionalDependencies"]) {
      for (const [name, version] of Object.entries(manifest[section] ?? {})) {
        assert.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned`);
        assert.ok(documented.includes(`\`${name}\``), `${name} has a line in docs/dependencies.md`);
      }
    }
  });
});

describe("error codes", () => {
  it("every KARP_ code in the sources is explained in docs/errors.md, and none is listed that does not exist", () => {
    const used = new Set<string>();
    for (const file of files) {
      if (!/^(src|apps|bin|tools|bench)\/.*\.(ts|cjs)$/.test(file) || /\.test\.ts$/.test(file)) continue;
      for (const [code] of read(file).matchAll(/\bKARP_[A-Z0-9_]*[A-Z0-9]\b/g)) used.add(code);
    }
    const listed = new Set([...read("docs/errors.md").matchAll(/^\| `(KARP_[A-Z0-9_]+)`/gm)].map((match) => match[1]));
    assert.deepEqual([...used].filter((code) => !listed.has(code)).sort(), [], "in the sources, not in docs/errors.md");
    assert.deepEqual(
      [...listed].filter((code) => code !== undefined && !used.has(code)).sort(),
      [],
      "only in docs/errors.md",
    );
  });
});
