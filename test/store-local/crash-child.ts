/** A worker that kills itself before its n-th visible step. Arguments: root, pull or remove, name, n. */
import { toName } from '#core/name.ts';
import { openLocalFolder } from '#libs/store-local/local-folder.ts';
import { fileContent, hooked, orderOf, stateOf, systemClock } from './folder-fixture.ts';

const VISIBLE = new Set(['rename', 'link', 'unlink', 'removeDirectory', 'createFile']);

const [root = '', operation = '', given = '', step = ''] = process.argv.slice(2);
const name = toName(given);
let seen = 0;
const fileSystem = hooked((primitive, _segments, when) => {
  if (when !== 'before' || !VISIBLE.has(primitive)) return;
  seen += 1;
  if (seen === Number(step)) process.kill(process.pid, 'SIGKILL');
});
const expected = await stateOf(openLocalFolder({ root, pairId: 'pair-1', clock: systemClock }), name);
const folder = openLocalFolder({ root, pairId: 'pair-1', clock: systemClock, fileSystem });
if (operation === 'pull') await folder.pull(name, fileContent('after'), orderOf(name, expected));
else await folder.remove(name, orderOf(name, expected));
