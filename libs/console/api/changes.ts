/** Changes: what operators do to the fleet and to one pair. */
import { type AddRoute, DONE, done } from './route.ts';
import {
  conflictAnswer,
  deletesAnswer,
  label,
  object,
  pairView,
  path,
  problemsRetryView,
  storeView,
  syncTicket,
  Type,
  trashView,
} from './schemas.ts';

const name = { name: label };
const text = Type.String({ maxLength: 4096 });
const days = Type.Union([Type.Integer({ minimum: 0, maximum: 36_500 }), Type.Null()]);
const bytes = Type.Union([Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()]);

export function addFleetChanges(route: AddRoute): void {
  route({
    method: 'POST',
    url: '/stores',
    id: 'addStore',
    summary: 'Registers a store that can be logged in to; its secret is only referred to.',
    body: object({
      name: text,
      kind: Type.Unsafe<'pithos' | 'swift' | 's3'>({ enum: ['pithos', 'swift', 's3'] }),
      url: text,
      secret: object({ from: Type.Unsafe<'file' | 'env'>({ enum: ['file', 'env'] }), at: text }),
      options: Type.Optional(Type.Record(Type.String(), text, { maxProperties: 100 })),
      check: Type.Optional(Type.Boolean()),
    }),
    result: storeView,
    handle: ({ body }, { operator }) =>
      operator.storeAdd({
        ...body,
        options: body.options ?? {},
        check: body.check ?? true,
      }) as Promise<never>,
  });
  route({
    method: 'DELETE',
    url: '/stores/:name',
    id: 'removeStore',
    summary: 'Forgets a store that no pair uses.',
    params: name,
    result: done,
    handle: async ({ params }, { operator }) => {
      await operator.storeRemove(params.name);
      return DONE;
    },
  });
  route({
    method: 'POST',
    url: '/pairs',
    id: 'addPair',
    summary: 'Pairs a folder with a container, and begins to sync them.',
    body: object({
      name: text,
      folder: text,
      store: text,
      container: text,
      volume: Type.Optional(text),
      excludes: Type.Optional(Type.Array(text, { maxItems: 1_000 })),
      policies: Type.Optional(Type.Array(text, { maxItems: 10, description: 'KEY=VALUE words.' })),
      versioning: Type.Optional(Type.Boolean()),
      create: Type.Optional(Type.Boolean()),
    }),
    result: pairView,
    handle: ({ body }, { operator }) =>
      operator.pairAdd({
        name: body.name,
        folder: body.folder,
        store: body.store,
        container: body.container,
        volume: body.volume ?? 'default',
        excludes: body.excludes ?? [],
        policies: body.policies ?? [],
        versioning: body.versioning ?? true,
        create: body.create ?? true,
        retention: { days: null, bytes: null },
      }) as Promise<never>,
  });
  route({
    method: 'POST',
    url: '/workers/:id/drain',
    id: 'drainWorker',
    summary: 'Has a process end its work and stop; what runs it starts another one.',
    params: { id: label },
    result: done,
    handle: async ({ params }, { desk }) => {
      await desk.workerDrain(params.id);
      return DONE;
    },
  });
}

export function addPairChanges(route: AddRoute): void {
  route({
    method: 'PATCH',
    url: '/pairs/:name',
    id: 'setPair',
    summary: 'Changes how long displaced contents are kept; what is left out stays.',
    params: name,
    body: object({ retention: object({ days: Type.Optional(days), bytes: Type.Optional(bytes) }) }),
    result: pairView,
    handle: ({ params, body }, { operator }) =>
      operator.pairSet({ name: params.name, retention: body.retention }) as Promise<never>,
  });
  route({
    method: 'DELETE',
    url: '/pairs/:name',
    id: 'removePair',
    summary: "Forgets a pair; both sides' data stay.",
    params: name,
    result: done,
    handle: async ({ params }, { operator }) => {
      await operator.pairRemove(params.name);
      return DONE;
    },
  });
  route({
    method: 'POST',
    url: '/pairs/:name/pause',
    id: 'pausePair',
    summary: 'Stops syncing a pair until it is resumed.',
    params: name,
    result: pairView,
    handle: ({ params }, { operator }) => operator.pairPause(params.name) as Promise<never>,
  });
  route({
    method: 'POST',
    url: '/pairs/:name/resume',
    id: 'resumePair',
    summary: 'Syncs a paused or disabled pair again; as a union of both sides where that is asked.',
    params: name,
    query: { union: Type.Optional(Type.Boolean()) },
    result: pairView,
    handle: ({ params, query }, { operator }) =>
      operator.pairResume(params.name, query.union === true) as Promise<never>,
  });
  route({
    method: 'POST',
    url: '/pairs/:name/sync',
    id: 'syncPair',
    summary: 'Asks for a full scan and a full poll now.',
    params: name,
    result: syncTicket,
    handle: ({ params }, { operator }) => operator.sync(params.name),
  });
  route({
    method: 'POST',
    url: '/pairs/:name/problems/retry',
    id: 'retryProblems',
    summary: 'Tries names with problems again now: some, those with one code, or all.',
    params: name,
    body: object({
      names: Type.Optional(Type.Array(path, { maxItems: 1_000 })),
      code: Type.Optional(label),
    }),
    result: problemsRetryView,
    handle: ({ params, body }, { operator }) =>
      operator.problemsRetry(params.name, { names: body.names ?? null, code: body.code ?? null }),
  });
  route({
    method: 'POST',
    url: '/pairs/:name/conflicts/:id',
    id: 'resolveConflict',
    summary: 'Answers a conflict; the content that is given up goes to the trash.',
    params: { ...name, id: label },
    body: object({ answer: conflictAnswer }),
    result: done,
    handle: async ({ params, body }, { operator }) => {
      await operator.conflictResolve(params.name, params.id, body.answer);
      return DONE;
    },
  });
  route({
    method: 'POST',
    url: '/pairs/:name/deletes/approve',
    id: 'approveDeletes',
    summary: 'Lets all deletes go that wait now.',
    params: name,
    result: deletesAnswer,
    handle: ({ params }, { operator }) => operator.deletesApprove(params.name),
  });
  route({
    method: 'POST',
    url: '/pairs/:name/deletes/revert',
    id: 'revertDeletes',
    summary: 'Brings back what waits to be deleted, on the side where it went away.',
    params: name,
    result: deletesAnswer,
    handle: ({ params }, { operator }) => operator.deletesRevert(params.name),
  });
  route({
    method: 'POST',
    url: '/pairs/:name/trash/restore',
    id: 'restoreTrash',
    summary: 'Puts displaced content back into the folder.',
    params: name,
    body: object({
      path,
      item: Type.Optional(Type.Union([label, Type.Null()])),
      as: Type.Optional(Type.Union([path, Type.Null()])),
    }),
    result: trashView,
    handle: ({ params, body }, { operator }) =>
      operator.trashRestore(params.name, { path: body.path, item: body.item ?? null, as: body.as ?? null }),
  });
}
