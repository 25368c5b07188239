/** Simulates the whole engine; see test/simulation/cli.ts or --help. */
import { main } from '#test/simulation/cli.ts';

process.exitCode = await main(process.argv.slice(2));
