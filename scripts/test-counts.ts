// A reporter for `node --test` that counts. Suites, and tests that only hold
// other tests, are not counted; what failed on its own account is, also a suite
// whose hook failed and a file that could not be loaded or ended badly.
// After every event it writes the counts so far as one line of JSON.

import { relative, resolve } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
  /** Files that came to their end. */
  readonly ended: string[];
  /** What each of them took, milliseconds. */
  readonly took: Record<string, number>;
}

interface Children {
  all: number;
  failed: number;
}

export default async function* countTests(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts: TestCounts = { passed: 0, failed: 0, skipped: 0, ended: [], took: {} };
  // Per file and depth: what was reported since the last test one level up.
  const open = new Map<string, Children>();
  for await (const event of events) {
    if (event.type === 'test:summary') {
      const { file, duration_ms: tookMs } = event.data;
      if (file === undefined) continue;
      counts.ended.push(relative(process.cwd(), file));
      counts.took[relative(process.cwd(), file)] = tookMs;
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { file = '', nesting, name, skip, todo } = event.data;
      const inner = `${file}:${nesting + 1}`;
      const children = open.get(inner) ?? { all: 0, failed: 0 };
      open.delete(inner);
      const isFile = file !== '' && resolve(name) === file;
      const skipped = skip !== undefined && skip !== false;
      const failed = event.type === 'test:fail' && (todo === undefined || todo === false);
      if (isFile) counts.ended.push(relative(process.cwd(), file));

      if (failed && children.failed === 0) counts.failed++;
      else if (children.all > 0 || isFile || event.data.details.type === 'suite') {
        // A holder of tests: they were counted. A file without a test counts as nothing.
      } else if (skipped) counts.skipped++;
      else counts.passed++;

      const siblings = open.get(`${file}:${nesting}`) ?? { all: 0, failed: 0 };
      open.set(`${file}:${nesting}`, {
        all: siblings.all + 1,
        failed: siblings.failed + (failed ? 1 : 0),
      });
    } else continue;
    yield `${JSON.stringify(counts)}\n`;
  }
}
