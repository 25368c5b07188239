/** Recorded: every change that an operator asks for is told of with who asked, once it was made. */
import type { Desk } from '#ports/desk.ts';
import type { Operator } from '#ports/operator.ts';
import type { Overview } from '#ports/overview.ts';
import { limitText, scopeText } from './limits.ts';

type Told = readonly [pair: string | null, text: string];
type Tellers<Port> = {
  readonly [Verb in keyof Port]?: Port[Verb] extends (...args: infer Args) => unknown
    ? (...args: Args) => Told
    : never;
};

const OPERATOR: Tellers<Operator> = {
  storeAdd: ({ name, kind, url }) => [null, `added store ${name} (${kind}, ${url})`],
  storeRemove: (name) => [null, `removed store ${name}`],
  limitSet: (request) => [request.pair, `limited ${scopeText(request)} to ${limitText(request)}`],
  limitClear: (request) => [request.pair, `cleared limits of ${scopeText(request)}`],
  pairAdd: ({ name, folder, store, container }) => [name, `paired ${folder} with ${store}: ${container}`],
  pairSet: ({ name, retention }) => [name, `set retention ${JSON.stringify(retention)}`],
  pairPause: (name) => [name, 'paused it'],
  pairResume: (name, union) => [name, union ? 'resumed it as a union' : 'resumed it'],
  pairRemove: (name) => [name, 'removed it'],
  sync: (name) => [name, 'asked for a full scan and poll'],
  problemsRetry: (name, { names, code }) => {
    const what = names === null ? (code ?? 'all problems') : `${names.length} names`;
    return [name, `asked for another attempt at ${what}`];
  },
  conflictResolve: (name, id, answer) => [name, `answered conflict ${id} with ${answer}`],
  deletesApprove: (name) => [name, 'approved the held deletes'],
  deletesRevert: (name) => [name, 'reverted the held deletes'],
  trashRestore: (name, { path, as }) => [name, `restored "${path}"${as === null ? '' : ` as "${as}"`}`],
};

const DESK: Tellers<Desk> = {
  workerDrain: (id) => [null, `asked process ${id} to drain`],
};

export function recordedOperator(
  operator: Operator,
  actor: string,
  overview: Pick<Overview, 'recordAction'>,
): Operator {
  return recorded(operator, OPERATOR, actor, overview);
}

export function recordedDesk(desk: Desk, actor: string, overview: Pick<Overview, 'recordAction'>): Desk {
  return recorded(desk, DESK, actor, overview);
}

type Call = (...args: readonly unknown[]) => Promise<unknown>;

function recorded<Port extends object>(
  port: Port,
  tellers: Tellers<Port>,
  actor: string,
  overview: Pick<Overview, 'recordAction'>,
): Port {
  const changes = Object.entries(tellers as Record<string, (...args: readonly unknown[]) => Told>).map(
    ([verb, tell]): [string, Call] => {
      const call = (port as Record<string, Call>)[verb] as Call;
      return [
        verb,
        async (...args) => {
          const result = await call(...args);
          const [pair, text] = tell(...args);
          await overview.recordAction({ actor, verb, pair, text });
          return result;
        },
      ];
    },
  );
  return { ...port, ...Object.fromEntries(changes) };
}
