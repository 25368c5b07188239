/** The `holdfast` command: runs one verb and leaves with its exit code (design section 9). */
import { environment } from '#libs/config/schema.ts';
import { runCommandLine } from './command-line.ts';

// A reader that has seen enough, such as `head`, is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}

const exitCode = await runCommandLine(process.argv.slice(2), environment());
// Sockets of a client that failed half-way must not keep the command waiting; what was printed goes out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
