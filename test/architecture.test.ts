/**
 * Architecture: who may import whom, as one table. The table is checked against every
 * import in apps/, libs/ and scripts/, and against the lint rules in biome.json, which say
 * the same thing while a file is being written.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const MAX_LINES = 600;

interface Rule {
  /** Rooms, single files, `libs/*`, `node`, package names, or `packages` for any of them. The room itself is implied. */
  readonly may: readonly string[];
  /** Rooms of which only types may be used: they vanish when the code runs. */
  readonly typesOnly?: readonly string[];
  readonly because: string;
}

const PURE = 'the core imports only itself: time, randomness, names and state come in as arguments';
const ADAPTER =
  'an adapter knows core, ports and its own system; adapters meet only in compose, and no step or knob is theirs';
const SERVER =
  'a development server stands in for a real system and must know nothing of ours but the errors';

function adapter(...packages: string[]): Rule {
  const shared = ['libs/core', 'libs/ports', 'libs/digest', 'libs/http', 'node'];
  return { may: [...shared, ...packages], because: ADAPTER };
}

const RULES: Readonly<Record<string, Rule>> = {
  'libs/core': { may: [], because: PURE },
  'libs/ports': {
    may: ['libs/core'],
    typesOnly: ['libs/core'],
    because: 'a port is a promise in the words of the core: types, and the errors',
  },
  'libs/steps': {
    may: ['libs/core', 'libs/ports'],
    because: 'a step sees the world through ports only, so that it can be simulated',
  },
  'libs/archive-prisma': adapter(
    'pg',
    '@prisma/adapter-pg',
    '@prisma/client',
    '@prisma/driver-adapter-utils',
    '@prisma/schema-engine-wasm',
  ),
  'libs/queue-bullmq': adapter('bullmq', 'ioredis', 'pg'),
  'libs/limit-redis': adapter('ioredis'),
  'libs/store-local': adapter('chokidar', 'koffi'),
  'libs/store-pithos': adapter('undici'),
  'libs/store-swift': adapter('undici'),
  'libs/store-s3': adapter('@smithy/signature-v4', 'fast-xml-parser'),
  'libs/memory': {
    ...adapter('libs/store-local/file-system.ts'),
    // The local folder runs on a disk in memory: what it needs of one is declared there.
    typesOnly: ['libs/store-local/file-system.ts'],
  },
  'libs/store-models': {
    may: ['libs/core', 'libs/ports', 'libs/http', 'libs/memory', 'libs/pithos-server', 'node'],
    because: 'a model stands in for the server that an adapter talks to and must know no adapter',
  },
  'libs/digest': adapter(),
  'libs/exclusions': adapter('ignore'),
  'libs/http': adapter('undici'),
  'libs/operator-http': adapter('undici', 'fastify'),
  'libs/notify-http': adapter('fastify'),
  'libs/console': adapter(
    'libs/operator-http/methods.ts',
    '@fastify/swagger',
    '@sinclair/typebox',
    'amaro',
    'openid-client',
    'fastify',
    '@fastify/cookie',
    '@fastify/csrf-protection',
    '@fastify/formbody',
    '@fastify/helmet',
    '@fastify/rate-limit',
    '@bull-board/api',
    '@bull-board/fastify',
    'bullmq',
    'ejs',
    'prom-client',
  ),
  'libs/telemetry': adapter(
    'prom-client',
    'bullmq',
    'bullmq-otel',
    '@opentelemetry/api',
    '@opentelemetry/context-async-hooks',
    '@opentelemetry/core',
    '@opentelemetry/exporter-trace-otlp-http',
    '@opentelemetry/resources',
    '@opentelemetry/sdk-trace',
  ),
  'libs/console-page': {
    may: ['libs/ports', 'preact', 'htm', 'uplot'],
    typesOnly: ['libs/ports'],
    because: 'the page runs in a browser: of ours it may know only the types of what the API gives',
  },
  'libs/config': {
    may: ['convict', 'node', 'libs/ports/errors.ts'],
    because: 'configuration is declared once and handed over as plain values; it knows nobody who uses it',
  },
  'libs/runtime': {
    may: ['libs/ports', 'libs/config', 'node', 'fastify', 'pino', 'prom-client'],
    typesOnly: ['libs/config'],
    because: 'what every process needs whatever it does: no adapter and no step',
  },
  'libs/services': { may: ['node', 'packages', 'libs/ports/errors.ts'], because: SERVER },
  'libs/pithos-server': { may: ['node', 'packages', 'libs/ports/errors.ts'], because: SERVER },
  'libs/compose': {
    may: ['libs/*', 'node', 'packages'],
    because: 'compose joins rooms and belongs to no app',
  },
  'apps/*': {
    may: ['libs/*', 'node', 'packages'],
    because: 'an app joins rooms of libs and never uses another app',
  },
  scripts: {
    may: ['libs/*', 'apps', 'test', 'node', 'packages'],
    because: 'a script may use anything, and nothing may use a script',
  },
};

interface Source {
  /** Path from the root of the checkout, `/` between segments. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly specifier: string;
  readonly isType: boolean;
}

const sources: readonly Source[] = globSync('{apps,libs,scripts}/**/*.ts', { cwd: ROOT })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => !path.includes('/generated/') && !path.includes('node_modules/'))
  .sort()
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

/** `libs/<room>`, `apps/<app>` or `scripts`. */
function roomOf(path: string): string {
  const [top = '', room = ''] = path.split('/');
  return top === 'scripts' ? top : `${top}/${room}`;
}

function ruleOf(room: string): Rule | undefined {
  return RULES[room] ?? (room.startsWith('apps/') ? RULES['apps/*'] : undefined);
}

function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(
    /^\s*(?:import|export)\s+(type\b)?[^;'"`]*?\bfrom\s+['"]([^'"]+)['"]/gm,
  )) {
    found.push({ specifier: match[2] ?? '', isType: match[1] !== undefined });
  }
  for (const match of text.matchAll(
    /(?:^\s*import\s+|\bimport\(\s*|\brequire\(\s*|\bresolve\(\s*)['"]([^'"]+)['"]/gm,
  )) {
    found.push({ specifier: match[1] ?? '', isType: false });
  }
  return found;
}

/** What a specifier leads to: a path of ours, `node`, or a package's name. */
function targetOf(specifier: string, from: string): string {
  if (specifier.startsWith('node:')) return 'node';
  if (specifier.startsWith('.')) return normalize(join(dirname(from), specifier)).replaceAll('\\', '/');
  if (specifier.startsWith('#libs/')) return `libs/${specifier.slice('#libs/'.length)}`;
  if (specifier.startsWith('#apps/')) return `apps/${specifier.slice('#apps/'.length)}`;
  if (specifier.startsWith('#test/')) return `test/${specifier.slice('#test/'.length)}`;
  if (specifier.startsWith('#')) return `libs/${specifier.slice(1)}`;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function isOurs(target: string): boolean {
  return /^(apps|libs|scripts|test)\//.test(target);
}

/** @returns why the import is wrong, or null. */
function objectionTo(source: Source, found: Import): string | null {
  const room = roomOf(source.path);
  const rule = ruleOf(room);
  if (rule === undefined) return 'the room is not in the table';
  const target = targetOf(found.specifier, source.path);
  const isAllowed = rule.may.some((allowed) => {
    if (allowed === 'packages') return !isOurs(target) && target !== 'node';
    if (allowed === 'libs/*') return target.startsWith('libs/');
    return target === allowed || target.startsWith(`${allowed}/`);
  });
  if (target.startsWith(`${room}/`)) return null;
  if (!isAllowed) return rule.because;
  const isTypeOnly =
    rule.typesOnly?.some((allowed) => target === allowed || target.startsWith(`${allowed}/`)) ?? false;
  return isTypeOnly && !found.isType ? `types only: ${rule.because}` : null;
}

/** Source without comments and quoted text, so that only code is searched. */
function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'/g, (part) =>
    part.startsWith("'") ? "''" : '',
  );
}

/** Sources below any of these folders that contain what the pattern finds, as `path: text found`. */
function sightings(folders: readonly string[], pattern: RegExp): string[] {
  return sources
    .filter(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`)))
    .flatMap(({ path, text }) => [...codeOf(text).matchAll(pattern)].map((match) => `${path}: ${match[0]}`));
}

test('every import goes the right way', () => {
  const wrong = sources.flatMap((source) =>
    importsOf(source.text).flatMap((found) => {
      const objection = objectionTo(source, found);
      return objection === null ? [] : [`${source.path} imports ${found.specifier}: ${objection}`];
    }),
  );
  assert.deepEqual(wrong, []);
});

test('wrong ways are seen', () => {
  const wrongWays: readonly [path: string, line: string][] = [
    ['libs/core/decide.ts', "import { readFileSync } from 'node:fs';"],
    ['libs/core/decide.ts', "import type { Pair } from '../ports/pair.ts';"],
    ['libs/core/decide.ts', "export { Queue } from 'bullmq';"],
    ['libs/core/decide.ts', "const fs = await import('node:fs');"],
    ['libs/ports/pair.ts', "import { decide } from '#core/decide.ts';"],
    ['libs/steps/scan.ts', "import {\n  Agent,\n} from 'undici';"],
    ['libs/steps/operator/show.ts', "import { openFolder } from '../../store-local/open-folder.ts';"],
    ['libs/store-swift/store.ts', "import { x } from '#libs/store-pithos/store.ts';"],
    ['libs/store-swift/store.ts', "import { scan } from '#steps/scan.ts';"],
    ['libs/memory/object-store.ts', "import fastify from 'fastify';"],
    ['libs/memory/disk.ts', "import { succeeds } from '#libs/store-local/file-system.ts';"],
    ['libs/config/schema.ts', "import type { Pair } from '#ports/pair.ts';"],
    ['libs/runtime/run.ts', "import { readConfig } from '#libs/config/schema.ts';"],
    ['libs/pithos-server/pithos.ts', "import { toName } from '#core/name.ts';"],
    ['apps/decider/main.ts', "import { x } from '../poller/main.ts';"],
    ['apps/decider/main.ts', "import { x } from '#test/core/fixtures.ts';"],
    ['libs/somewhere-new/x.ts', "import 'node:fs';"],
  ];
  for (const [path, line] of wrongWays) {
    const [found] = importsOf(line);
    assert.ok(found !== undefined, `${line} is read as an import`);
    assert.notEqual(objectionTo({ path, text: line }, found), null, `${path}: ${line}`);
  }
});

test('the checker of chaos shares no code with the engine', () => {
  const engine = sources
    .filter(({ path }) => path.startsWith('scripts/chaos'))
    .flatMap((source) => importsOf(source.text).map((found) => targetOf(found.specifier, source.path)))
    .filter((target) => /^(libs|apps)\//.test(target) && !target.startsWith('libs/services/'));
  assert.deepEqual(engine, []);
});

test('every room is in the table', () => {
  const rooms = new Set(sources.map(({ path }) => roomOf(path)));
  assert.deepEqual(
    [...rooms].filter((room) => ruleOf(room) === undefined),
    [],
  );
});

test('the core asks nothing of the world', () => {
  const ambient =
    /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\b(?:process|performance|crypto|globalThis|console)\.|\b(?:fetch|setTimeout|setInterval|queueMicrotask)\(/g;
  assert.deepEqual(sightings(['libs/core'], ambient), []);
});

test('core and ports have no any', () => {
  assert.deepEqual(
    sightings(['libs/core', 'libs/ports'], /[:<|&,(=]\s*any\b(?!\s*\()|\bas any\b|\bany\[\]/g),
    [],
  );
});

test('only the configuration reads the environment', () => {
  // Scripts and development servers pass theirs on; an app's main may hand the whole of it over.
  const readers = sightings(['apps', 'libs'], /\bprocess\.env\b.?/g).filter(
    (found) =>
      !/^libs\/(config|services|pithos-server)\//.test(found) &&
      !/^apps\/[^/]+\/main\.ts: process\.env[,)]$/.test(found),
  );
  assert.deepEqual(readers, []);
});

test('no file is too long to read', () => {
  const long = sources
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path}: ${lines} lines`);
  assert.deepEqual(long, []);
});

/** One rule as the linter takes it. It cannot tell types from values nor resolve relative paths; the tests above do. */
function lintOverride(room: string, rule: Rule): unknown {
  const allowed = rule.may.flatMap((target) => {
    if (target === 'node') return ['!node:*', '!node:*/**'];
    if (target === 'test' || target === 'apps') return [`!#${target}/**`];
    if (target === 'libs/*') return ['!#core/**', '!#ports/**', '!#steps/**', '!#libs/**'];
    if (/^libs\/(core|ports|steps)(\/|$)/.test(target)) {
      const inside = target.slice('libs/'.length);
      return [inside.endsWith('.ts') ? `!#${inside}` : `!#${inside}/**`];
    }
    if (target.startsWith('libs/')) return [target.endsWith('.ts') ? `!#${target}` : `!#${target}/**`];
    return [`!${target}`, `!${target}/**`];
  });
  const own = /^libs\/(core|ports|steps)$/.test(room) ? [`!#${room.slice('libs/'.length)}/**`] : [];
  const group = rule.may.includes('packages')
    ? ['#*/**', ...allowed.filter((pattern) => pattern.startsWith('!#'))]
    : ['**', '!./**', '!../**', ...own, ...allowed];
  const noRestrictedImports = {
    level: 'error',
    options: { patterns: [{ group, message: `${room}: ${rule.because}` }] },
  };
  return { includes: [`${room}/**/*.ts`], linter: { rules: { style: { noRestrictedImports } } } };
}

test('the linter enforces the same table', () => {
  const { overrides } = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8')) as {
    overrides: unknown[];
  };
  const expected = Object.entries(RULES).map(([room, rule]) => lintOverride(room, rule));
  assert.deepEqual(
    overrides,
    expected,
    `biome.json needs these overrides:\n${JSON.stringify(expected, null, 2)}`,
  );
});
