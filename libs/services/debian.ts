// Installing what is in no npm package, for tests and the quick start only, and
// only where that is plainly ours to do: as root on a Debian-like machine.

import { findOnPath, type Log, runQuietly } from './processes.ts';

const TIMEOUT_MS = 5 * 60_000;

/** Resolves to null when the packages are installed, else to the reason why not. */
export async function installDebianPackages(
  packages: readonly string[],
  log: Log = console.log,
): Promise<string | null> {
  const names = packages.join(' ');
  if (process.getuid?.() !== 0) return `not root, so "apt-get install ${names}" is left to you`;
  const apt = findOnPath('apt-get');
  if (apt === null) return `this is not a Debian system; install the counterpart of: ${names}`;
  log(`Installing Debian packages: ${names}`);
  // RUNLEVEL=1 keeps the packages from starting services of their own; we start private ones.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const update = runQuietly(apt, ['-qq', 'update'], { env, timeoutMs: TIMEOUT_MS });
  const install = runQuietly(apt, ['-qq', '-y', 'install', '--no-install-recommends', ...packages], {
    env,
    timeoutMs: TIMEOUT_MS,
  });
  if (install.code === 0) return null;
  const said = [install, update]
    .flatMap(({ output }) => output.split('\n'))
    .find((line) => /^[EW]: /.test(line));
  return `"apt-get install ${names}" failed${said ? `: ${said}` : ''}`;
}
