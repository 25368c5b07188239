/** S3 container: strong listings, conditional writes, versions; each operation of the port one step. */
import { createMemoryContainer, openMemoryStore } from '#libs/memory/object-store.ts';
import type { StagedFile } from '#ports/content.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { SimContainer } from './container.ts';
import type { Life } from './process.ts';
import type { Scheduler } from './scheduler.ts';

export function s3Container(scheduler: Scheduler): SimContainer {
  const container = createMemoryContainer({ now: () => scheduler.nowMs });
  const identity = 'pair-1';
  container.identity = identity;
  return {
    identity,
    get changes() {
      return container.writes;
    },
    objects: () =>
      new Map(
        container.names().map((name) => {
          const body = container.current(name)?.body;
          return [name, body?.kind === 'file' ? body.bytes : null];
        }),
      ),
    versions: () => container.contents(),
    version: (rawName, id) => {
      const body = container.version(rawName, id)?.body;
      return body?.kind === 'file' ? body.bytes : null;
    },
    put: (rawName, bytes) => void container.write(rawName, { kind: 'file', bytes }),
    putDirectory: (rawName) => void container.write(rawName, { kind: 'directory' }),
    remove: (rawName) => void container.write(rawName, { kind: 'absent' }),
    open: (life) => inSteps(openMemoryStore(container), life),
    oddNames: ['/leading', 'a//b', 'd/../b', 'trailing/', 'new\nline'],
  };
}

function inSteps(store: ObjectStore, { step }: Life): ObjectStore {
  const turn = async <Result>(verb: string, subject: string, run: () => Promise<Result>): Promise<Result> =>
    await step(verb, subject, run);
  return {
    capabilities: store.capabilities,
    digest: store.digest,
    attach: (options) => store.attach(options),
    container: () => turn('http.HEAD', 'container', () => store.container()),
    list: (after, limit) => turn('http.GET', `list after ${after}`, () => store.list(after, limit)),
    probe: (name, identity) => turn('http.HEAD', name, () => store.probe(name, identity)),
    stage: (name, expected) => turn('http.GET', name, () => store.stage(name, expected)),
    pull: async (name, content, order) => {
      if (content.kind === 'directory') return turn('http.PUT', name, () => store.pull(name, content, order));
      const chunks: Uint8Array[] = [];
      for await (const chunk of content.read()) chunks.push(chunk.slice());
      const bytes = Buffer.concat(chunks);
      const held: StagedFile = {
        ...content,
        async *read() {
          yield bytes;
        },
      };
      return turn('http.PUT', name, () => store.pull(name, held, order));
    },
    remove: (name, order) => turn('http.DELETE', name, () => store.remove(name, order)),
    close: () => store.close(),
  };
}
