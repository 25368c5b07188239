/** Trace: a run as lines to read. Looks that change nothing are left out unless all is asked for. */
import type { Line } from './witness.ts';

const LOOKS = new Set([
  'fs.open',
  'fs.openRoot',
  'fs.fstat',
  'fs.lstat',
  'fs.path',
  'fs.list',
  'fs.read',
  'fs.sync',
  'fs.chmod',
  'fs.chown',
  'fs.utimes',
  'db.lease',
  'db.work',
  'db.dueTrash',
  'db.loadPair',
  'db.listPairs',
  'db.pageLocal',
  'db.pageRemote',
  'db.time',
  'db.closeProblems',
  'db.markProblems',
  'db.issueSerials',
  'queue.continuity',
  'queue.schedules',
  'queue.schedule',
]);

/** @returns the line as text, or null for one that is left out. */
export function showLine(line: Line, all: boolean): string | null {
  const verb = line.what.slice(0, line.what.indexOf(' '));
  const isRoutine = LOOKS.has(verb) || (verb === 'db.dispatch' && line.outcome === '[]');
  if (!all && isRoutine && !line.outcome.startsWith('!')) return null;
  const time = (line.at / 1_000).toFixed(3).padStart(11);
  const outcome = line.outcome === '' ? '' : ` => ${line.outcome}`;
  return `${time}  ${line.who.padEnd(11)} ${shorten(line.what)}${outcome}`;
}

/** Paths as names, and attempts by their serials. */
function shorten(what: string): string {
  return what
    .replaceAll('/volume/pair/', '')
    .replaceAll(/\.holdfast\/attempts\/[0-9a-f]{16}-(\d+)-[^ /]*/g, '(attempt $1)')
    .replaceAll(/\.holdfast\/trash\/\d+\/(\d+)-[^ /]*/g, '(trash $1)');
}
