/** Reads: what the pages show, in pages. */
import type { AddRoute } from './route.ts';
import {
  actionRow,
  check,
  conditionSchema,
  conflictRow,
  contentPreview,
  eventRow,
  fleetView,
  heldDeleteRow,
  label,
  object,
  pageOf,
  pageQuery,
  pairLive,
  pairRow,
  pairView,
  path,
  planItem,
  problemView,
  processRow,
  storeView,
  Type,
  throughputPoint,
  trashView,
  whyView,
} from './schemas.ts';

const name = { name: label };
const PAGE = 50;

interface PageAsked {
  readonly from?: string;
  readonly limit?: number;
}

function page({ from, limit }: PageAsked): { readonly from: string | null; readonly limit: number } {
  return { from: from ?? null, limit: limit ?? PAGE };
}

export function addFleetReads(route: AddRoute): void {
  route({
    method: 'GET',
    url: '/me',
    id: 'me',
    summary: 'Who asks, and what they may do.',
    result: object({ name: Type.String(), role: Type.String() }),
    handle: (_asked, { visitor }) => ({ name: visitor.name, role: visitor.role }),
  });
  route({
    method: 'GET',
    url: '/fleet',
    id: 'fleet',
    summary: 'The fleet in numbers.',
    result: fleetView,
    handle: (_asked, { desk }) => desk.fleet(),
  });
  route({
    method: 'GET',
    url: '/throughput',
    id: 'throughput',
    summary: 'What was moved in each minute of the last hour.',
    result: Type.Array(throughputPoint),
    handle: (_asked, { desk }) => [...desk.throughput()],
  });
  route({
    method: 'GET',
    url: '/pairs',
    id: 'pairs',
    summary: 'Pairs in order of names.',
    query: {
      ...pageQuery,
      search: Type.Optional(Type.String({ maxLength: 63 })),
      condition: Type.Optional(conditionSchema),
      problems: Type.Optional(Type.Boolean({ description: 'Only pairs with open problems.' })),
    },
    result: pageOf(pairRow),
    handle: ({ query }, { desk }) =>
      desk.pairs({
        ...page(query),
        search: query.search ?? '',
        condition: query.condition ?? null,
        withProblems: query.problems === true,
      }) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/problems',
    id: 'problemsOfFleet',
    summary: 'Open problems of all pairs.',
    query: { ...pageQuery, code: Type.Optional(label) },
    result: pageOf(problemView),
    handle: ({ query }, { desk }) =>
      desk.problems(null, { ...page(query), code: query.code ?? null }) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/problem-codes',
    id: 'problemCodesOfFleet',
    summary: 'How many problems of all pairs have each code.',
    result: problemCodes,
    handle: (_asked, { desk }) => desk.problemCodes(null) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/workers',
    id: 'workers',
    summary: 'Every process of the fleet.',
    result: Type.Array(processRow),
    handle: (_asked, { desk }) => desk.workers() as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/actions',
    id: 'actions',
    summary: 'What operators did, newest first.',
    query: pageQuery,
    result: pageOf(actionRow),
    handle: ({ query }, { desk }) => desk.actions(page(query)) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/stores',
    id: 'stores',
    summary: 'Registered stores.',
    result: Type.Array(storeView),
    handle: (_asked, { operator }) => operator.storeList() as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/doctor',
    id: 'doctor',
    summary: 'Checks the database, the queue, this process and both sides of every pair.',
    result: Type.Array(check),
    handle: (_asked, { operator }) => operator.doctor() as Promise<never>,
  });
}

const problemCodes = Type.Array(object({ code: Type.String(), problems: Type.Integer() }));

export function addPairReads(route: AddRoute): void {
  route({
    method: 'GET',
    url: '/pairs/:name',
    id: 'pair',
    summary: 'A pair with its settings.',
    params: name,
    result: pairView,
    handle: ({ params }, { desk }) => desk.pairView(params.name) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/pairs/:name/live',
    id: 'pairLive',
    summary: 'What a pair holds and does now, with its progress.',
    params: name,
    result: pairLive,
    handle: ({ params }, { desk }) => desk.pairLive(params.name) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/pairs/:name/history',
    id: 'history',
    summary: 'What was done in a pair, newest first, a rename as one line; or all that happened to one path.',
    params: name,
    query: { ...pageQuery, path: Type.Optional(path) },
    result: pageOf(eventRow),
    handle: ({ params, query }, { desk }) =>
      desk.history(params.name, { ...page(query), path: query.path ?? null }) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/pairs/:name/why',
    id: 'why',
    summary: 'The causal chain of one name.',
    params: name,
    query: { path },
    result: whyView,
    handle: ({ params, query }, { operator }) => operator.why(params.name, query.path) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/pairs/:name/plan',
    id: 'plan',
    summary: 'What a sync would do, doing nothing.',
    params: name,
    result: Type.Array(planItem),
    handle: ({ params }, { operator }) => operator.plan(params.name) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/pairs/:name/problems',
    id: 'problems',
    summary: 'Open problems of a pair.',
    params: name,
    query: { ...pageQuery, code: Type.Optional(label) },
    result: pageOf(problemView),
    handle: ({ params, query }, { desk }) =>
      desk.problems(params.name, { ...page(query), code: query.code ?? null }) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/pairs/:name/problem-codes',
    id: 'problemCodes',
    summary: 'How many problems of a pair have each code.',
    params: name,
    result: problemCodes,
    handle: ({ params }, { desk }) => desk.problemCodes(params.name) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/pairs/:name/conflicts',
    id: 'conflicts',
    summary: 'Conflicts of a pair, newest first, with both contents.',
    params: name,
    query: pageQuery,
    result: pageOf(conflictRow),
    handle: ({ params, query }, { desk }) => desk.conflicts(params.name, page(query)) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/pairs/:name/conflicts/:id/preview/:which',
    id: 'conflictPreview',
    summary: 'The beginning of one content of a conflict.',
    params: { ...name, id: label, which: Type.Unsafe<'winner' | 'copy'>({ enum: ['winner', 'copy'] }) },
    result: contentPreview,
    handle: ({ params }, { desk }) => desk.conflictPreview(params.name, params.id, params.which),
  });
  route({
    method: 'GET',
    url: '/pairs/:name/deletes',
    id: 'heldDeletes',
    summary: 'Deletes that wait for an operator.',
    params: name,
    query: pageQuery,
    result: pageOf(heldDeleteRow),
    handle: ({ params, query }, { desk }) => desk.heldDeletes(params.name, page(query)) as Promise<never>,
  });
  route({
    method: 'GET',
    url: '/pairs/:name/trash',
    id: 'trash',
    summary: 'Displaced contents that can be got back, newest first.',
    params: name,
    query: pageQuery,
    result: pageOf(trashView),
    handle: ({ params, query }, { desk }) => desk.trash(params.name, page(query)) as Promise<never>,
  });
}
