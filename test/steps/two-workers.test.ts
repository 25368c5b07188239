/**
 * Two workers: queues deliver at least once and claims run out, so the same job runs twice, at
 * once or with one worker asleep in the middle. There is one effect, one acknowledgement, and
 * whatever a user did in between stays.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import type { Name } from '#core/name.ts';
import { openLocalFolder } from '#libs/store-local/local-folder.ts';
import type { Archive } from '#ports/archive.ts';
import type { TransferJob } from '#ports/job-queue.ts';
import type { PairSides } from '#ports/sides.ts';
import { transferBatch } from '#steps/transfer.ts';
import { type Engine, NO_TELEMETRY, REAL_CLOCK, SILENT } from '#test/support/engine.ts';
import { describeOnStores } from './open-stores.ts';

const NAME = 'report.txt';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Case {
  readonly title: string;
  /** Leaves exactly one decision pending. */
  prepare(engine: Engine): Promise<void>;
  /** Acknowledgements of the name before that. */
  readonly earlier: 0 | 1;
  /** The content at the name afterwards on both sides; null for none. */
  readonly after: string | null;
  readonly copies: readonly string[];
  /** Contents that went to the trash of the folder. */
  readonly trashed: number;
  /** The side that the decision writes to. */
  readonly target: 'here' | 'upstream';
}

async function synced(engine: Engine, text: string): Promise<void> {
  await writeFile(engine.path(NAME), text);
  await engine.sync();
}

const write = {
  here: (engine: Engine, text: string) => writeFile(engine.path(NAME), text),
  upstream: (engine: Engine, text: string) => engine.remote.other.put(NAME, bytes(text)),
};

const CASES: readonly Case[] = [
  {
    title: 'an upload of a new file',
    prepare: (engine) => write.here(engine, 'made here'),
    earlier: 0,
    after: 'made here',
    copies: [],
    trashed: 0,
    target: 'upstream',
  },
  {
    title: 'an upload over an older file',
    prepare: async (engine) => {
      await synced(engine, 'base');
      await write.here(engine, 'edited here');
    },
    earlier: 1,
    after: 'edited here',
    copies: [],
    trashed: 0,
    target: 'upstream',
  },
  {
    title: 'a download of a new file',
    prepare: (engine) => write.upstream(engine, 'made upstream'),
    earlier: 0,
    after: 'made upstream',
    copies: [],
    trashed: 0,
    target: 'here',
  },
  {
    title: 'a download over an older file',
    prepare: async (engine) => {
      await synced(engine, 'base');
      await write.upstream(engine, 'edited upstream');
    },
    earlier: 1,
    after: 'edited upstream',
    copies: [],
    trashed: 1,
    target: 'here',
  },
  {
    title: 'a download that wins a conflict',
    prepare: async (engine) => {
      await synced(engine, 'base');
      await write.here(engine, 'edited here');
      await write.upstream(engine, 'edited upstream');
    },
    earlier: 1,
    after: 'edited upstream',
    copies: ['edited here'],
    trashed: 0,
    target: 'here',
  },
  {
    title: 'a delete upstream',
    prepare: async (engine) => {
      await synced(engine, 'base');
      await unlink(engine.path(NAME));
    },
    earlier: 1,
    after: null,
    copies: [],
    trashed: 0,
    target: 'upstream',
  },
  {
    title: 'a delete here',
    prepare: async (engine) => {
      await synced(engine, 'base');
      await engine.remote.other.remove(NAME);
    },
    earlier: 1,
    after: null,
    copies: [],
    trashed: 1,
    target: 'here',
  },
];

async function acknowledgements(engine: Engine): Promise<number> {
  return (await engine.why(NAME)).filter((event) => event.kind === 'acknowledged').length;
}

/** Decides, and takes what was decided as the one job it is. */
async function jobOf(engine: Engine, { prepare, earlier }: Case): Promise<TransferJob> {
  await prepare(engine);
  assert.equal(await acknowledgements(engine), earlier);
  await engine.scan();
  await engine.poll();
  await engine.decide();
  const [job, ...more] = await engine.dispatch();
  assert.ok(job !== undefined && more.length === 0 && job.items.length === 1, 'one decision is pending');
  return job;
}

/** Claims that end as soon as they are made: no worker keeps another one out. */
function withoutClaims(archive: Archive): Archive {
  return { ...archive, claim: (pairId, items, holder) => archive.claim(pairId, items, holder, 0) };
}

async function work(engine: Engine, sides: PairSides, job: TransferJob, archive: Archive): Promise<number> {
  const { registry } = engine;
  const deps = { archive, registry, clock: REAL_CLOCK, log: SILENT, telemetry: NO_TELEMETRY, settleMs: 0 };
  const { acknowledged } = await transferBatch(
    await engine.pair(),
    sides,
    job.items,
    { ...deps, trashMs: 86_400_000, origin: 'here', backoff: { firstMs: 1, maxMs: 1 } },
    new AbortController().signal,
  );
  return acknowledged;
}

/** Sides as another process has them, sharing nothing with the engine's. */
async function otherSides(engine: Engine, t: TestContext): Promise<PairSides> {
  const { uid } = await engine.pair();
  const folder = openLocalFolder({ root: engine.root, pairId: uid, clock: REAL_CLOCK, log: SILENT });
  t.after(() => folder.close());
  return { ...engine.sides, folder, store: engine.remote.second };
}

/** A place in a worker's way where it sleeps until it is woken. */
class Sleep {
  private readonly asleep = Promise.withResolvers<void>();
  private readonly woken = Promise.withResolvers<void>();

  get isReached(): Promise<void> {
    return this.asleep.promise;
  }

  async here(): Promise<void> {
    this.asleep.resolve();
    await this.woken.promise;
  }

  wake(): void {
    this.woken.resolve();
  }
}

type Commit = () => Promise<unknown>;

/** The target side with something around each of its commits. */
function aroundCommits(sides: PairSides, { target }: Case, around: (commit: Commit) => Commit): PairSides {
  const wrap = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (inner, key) => {
        const member: unknown = Reflect.get(inner, key);
        if (typeof member !== 'function') return member;
        if (key !== 'pull' && key !== 'remove') return member.bind(inner);
        return (...args: unknown[]) => around(() => member.apply(inner, args))();
      },
    });
  return target === 'here'
    ? { ...sides, folder: wrap(sides.folder) }
    : { ...sides, store: wrap(sides.store) };
}

const sleeping =
  (when: 'before' | 'after', sleep: Sleep) =>
  (commit: Commit): Commit =>
  async () => {
    if (when === 'before') await sleep.here();
    const outcome = await commit();
    if (when === 'after') await sleep.here();
    return outcome;
  };

async function conflictCopies(engine: Engine): Promise<string[]> {
  const names = (await readdir(engine.root)).filter((name) => name !== NAME && name !== '.holdfast');
  return Promise.all(names.toSorted().map((name) => readFile(engine.path(name), 'utf8')));
}

async function assertOneEffect(engine: Engine, { earlier, after, copies, trashed }: Case): Promise<void> {
  await assertContents(engine, after, copies);
  assert.equal(await acknowledgements(engine), earlier + 1, 'one acknowledgement is in history');
  const kept = (await engine.archive.trash(engine.pairId, NAME as Name)).filter(
    ({ pointer }) => pointer.kind === 'trash',
  );
  assert.equal(kept.length, trashed, 'nothing is in the trash twice');
  assert.deepEqual(await readdir(engine.path('.holdfast/attempts')), []);
}

/** After everything that follows, too: both sides hold exactly this, and stay quiet. */
async function assertContents(engine: Engine, text: string | null, copies: readonly string[]): Promise<void> {
  await engine.sync();
  assert.equal(await engine.upstreamText(NAME), text);
  assert.equal(
    existsSync(engine.path(NAME)) ? await readFile(engine.path(NAME), 'utf8') : null,
    text,
    'both sides are equal',
  );
  assert.deepEqual(await conflictCopies(engine), copies);
  const names = await engine.upstreamNames();
  assert.equal(names.length, copies.length + (text === null ? 0 : 1));
  await engine.scan();
  await engine.poll();
  assert.equal((await engine.decide()).decided, 0, 'a further scan and poll decide nothing');
}

/** Worker A sleeps at its commit, its claim ends, and B does the job; then `meanwhile` happens and A wakes up. */
async function runZombie(
  engine: Engine,
  t: TestContext,
  given: Case,
  when: 'before' | 'after',
  meanwhile: () => Promise<void>,
): Promise<void> {
  const job = await jobOf(engine, given);
  const archive = withoutClaims(engine.archive);
  const sleep = new Sleep();
  const asleep = aroundCommits(engine.sides, given, sleeping(when, sleep));
  const zombie = work(engine, asleep, job, archive);
  await sleep.isReached;
  assert.equal(await work(engine, await otherSides(engine, t), job, archive), 1, 'B is heard');
  await meanwhile();
  sleep.wake();
  assert.equal(await zombie, 0, 'what A says is refused');
}

describeOnStores('the same job in two workers', (scenario) => {
  for (const given of CASES) {
    scenario(`${given.title} is done by the one that claimed it`, async (engine, t) => {
      const job = await jobOf(engine, given);
      let commits = 0;
      const counted = (commit: Commit): Commit => {
        commits += 1;
        return commit;
      };
      const heard = await Promise.all(
        [engine.sides, await otherSides(engine, t)].map((own) =>
          work(engine, aroundCommits(own, given, counted), job, engine.archive),
        ),
      );
      assert.deepEqual(heard.toSorted(), [0, 1]);
      assert.equal(commits, 1, 'the other one touches nothing');
      await assertOneEffect(engine, given);
    });

    scenario(`${given.title} has one effect where both hold the claim`, async (engine, t) => {
      const job = await jobOf(engine, given);
      const archive = withoutClaims(engine.archive);
      const sides = [engine.sides, await otherSides(engine, t)];
      const heard = await Promise.all(sides.map((own) => work(engine, own, job, archive)));
      assert.ok(heard[0] === 0 || heard[1] === 0, 'at most one acknowledgement is heard');
      await assertOneEffect(engine, given);
    });

    for (const when of ['before', 'after'] as const) {
      scenario(
        `${given.title} has one effect where one wakes up late ${when} its commit`,
        async (engine, t) => {
          await runZombie(engine, t, given, when, async () => {});
          await assertOneEffect(engine, given);
        },
      );
    }

    scenario(
      `${given.title} by one that wakes up late leaves alone what a user made since`,
      async (engine, t) => {
        await runZombie(engine, t, given, 'before', () => write[given.target](engine, 'made since'));
        await assertContents(engine, 'made since', given.copies);
      },
    );

    if (given.after === null) continue;
    scenario(`${given.title} by one that wakes up late does not stand for a newer one`, async (engine, t) => {
      const source = given.target === 'here' ? 'upstream' : 'here';
      await runZombie(engine, t, given, 'after', async () => {
        await write[source](engine, 'newer');
        await engine.scan();
        await engine.poll();
        assert.equal((await engine.decide()).decided, 1 + given.copies.length, 'a newer decision is pending');
      });
      await assertContents(engine, 'newer', given.copies);
    });
  }
});
