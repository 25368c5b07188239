/**
 * Assets: what a browser gets of the page, made once when the console starts: our modules
 * without their types, the libraries as they are published, the style sheet; all compressed.
 * Their folder is named by a digest of them all, so that a browser may keep them for ever.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { transformSync } from 'amaro';
import type { FastifyInstance } from 'fastify';

const PAGE = join(import.meta.dirname, '../console-page');
const YEAR_S = 31_536_000;

/** What our modules import, and where its published file lies. */
const LIBRARIES: Readonly<Record<string, readonly [packageName: string, file: string]>> = {
  preact: ['preact', 'dist/preact.mjs'],
  'preact/hooks': ['preact', 'hooks/dist/hooks.mjs'],
  htm: ['htm', 'dist/htm.mjs'],
  uplot: ['uplot', 'dist/uPlot.esm.js'],
};

interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
  readonly brotli: Buffer;
}

export interface Assets {
  /** URL of the page's folder. */
  readonly base: string;
  /** Bytes of all scripts as they are sent. */
  readonly scriptBytes: number;
  serve(app: FastifyInstance): void;
}

export function loadAssets(): Assets {
  const files = new Map<string, Asset>();
  for (const [name, [packageName, file]] of Object.entries(LIBRARIES))
    files.set(libraryFile(name), asset('text/javascript', script(read(packageName, file))));
  for (const name of readdirSync(PAGE)) {
    const text = () => readFileSync(join(PAGE, name), 'utf8');
    if (name.endsWith('.ts')) {
      const { code } = transformSync(text(), { mode: 'strip-only' });
      files.set(name.replace(/\.ts$/, '.js'), asset('text/javascript', script(code)));
    } else if (name.endsWith('.css')) files.set(name, asset('text/css', text()));
  }
  files.set('uplot.css', asset('text/css', read('uplot', 'dist/uPlot.min.css')));
  const digest = createHash('sha256');
  for (const [name, { plain }] of files) digest.update(name).update(plain);
  const base = `/assets/${digest.digest('hex').slice(0, 12)}`;
  const scripts = [...files.values()].filter(({ type }) => type === 'text/javascript');
  return {
    base,
    scriptBytes: scripts.reduce((sum, { brotli }) => sum + brotli.length, 0),
    serve: (app) => serve(app, base, files),
  };
}

function serve(app: FastifyInstance, base: string, files: ReadonlyMap<string, Asset>): void {
  app.get<{ Params: { readonly file: string } }>(
    `${base}/:file`,
    { config: { open: true }, schema: { hide: true } },
    async (request, reply) => {
      const found = files.get(request.params.file);
      if (found === undefined)
        return reply.code(404).send({ error: { code: 'not-found', message: 'no such file' } });
      const accepted = request.headers['accept-encoding'] ?? '';
      const encoding = accepted.includes('br') ? 'br' : accepted.includes('gzip') ? 'gzip' : null;
      if (encoding !== null) reply.header('content-encoding', encoding);
      const body = encoding === 'br' ? found.brotli : encoding === 'gzip' ? found.gzip : found.plain;
      return reply
        .type(`${found.type}; charset=utf-8`)
        .header('vary', 'accept-encoding')
        .header('cache-control', `public, max-age=${YEAR_S}, immutable`)
        .send(body);
    },
  );
}

function asset(type: string, text: string): Asset {
  const plain = Buffer.from(text);
  return { type, plain, gzip: gzipSync(plain), brotli: brotliCompressSync(plain) };
}

function read(packageName: string, file: string): string {
  const require = createRequire(import.meta.url);
  const folders = require.resolve.paths(packageName) ?? [];
  for (const folder of folders) {
    try {
      return readFileSync(join(folder, packageName, file), 'utf8');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
  }
  throw new Error(`${packageName}/${file} is not installed`);
}

/** Browsers know no packages: what is imported is named by its file in the same folder. */
function script(code: string): string {
  return code
    .replaceAll(
      /(\bfrom\s*|\bimport\s*)(["'])([^"']+)\2/g,
      (whole: string, before: string, quote: string, specifier: string) => {
        if (specifier in LIBRARIES) return `${before}${quote}./${libraryFile(specifier)}${quote}`;
        if (specifier.startsWith('./'))
          return `${before}${quote}${specifier.replace(/\.ts$/, '.js')}${quote}`;
        return whole;
      },
    )
    .replaceAll(/\n\/\/# sourceMappingURL=\S+/g, '');
}

function libraryFile(name: string): string {
  return `lib-${name.replaceAll('/', '-')}.js`;
}
