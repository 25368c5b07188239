/** Takes safeguards away from the engine and has the simulation notice; see test/simulation/sabotage.ts or --help. */
import { main } from '#test/simulation/sabotage.ts';

process.exitCode = await main(process.argv.slice(2));
