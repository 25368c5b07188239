/** Verbs: the command line's own calls, as `holdfast up` takes them too, so that one client speaks to either. */
import type { TSchema } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { METHOD_ARGUMENTS, type Method } from '#libs/operator-http/methods.ts';
import type { Visitor } from '../access.ts';
import { API, failures, type UseCases } from './route.ts';
import * as schemas from './schemas.ts';

const { object, Type } = schemas;

/** What each verb gives, and whether it only looks. */
const RESULTS: Readonly<Record<Method, readonly [result: TSchema, looksOnly: boolean]>> = {
  storeAdd: [schemas.storeView, false],
  storeList: [Type.Array(schemas.storeView), true],
  storeRemove: [Type.Null(), false],
  limitList: [Type.Array(schemas.limitView), true],
  limitSet: [schemas.limitView, false],
  limitClear: [Type.Null(), false],
  pairAdd: [schemas.pairView, false],
  pairList: [Type.Array(schemas.pairView), true],
  pairShow: [schemas.pairStatus, true],
  pairSet: [schemas.pairView, false],
  pairPause: [schemas.pairView, false],
  pairResume: [schemas.pairView, false],
  pairRemove: [Type.Null(), false],
  sync: [schemas.syncTicket, false],
  progress: [schemas.syncProgress, true],
  status: [schemas.fleetStatus, true],
  problems: [Type.Array(schemas.problemView), true],
  problemsRetry: [schemas.problemsRetryView, false],
  conflicts: [Type.Array(schemas.conflictView), true],
  conflictResolve: [Type.Null(), false],
  deletesList: [Type.Array(schemas.heldDeleteView), true],
  deletesApprove: [schemas.deletesAnswer, false],
  deletesRevert: [schemas.deletesAnswer, false],
  plan: [Type.Array(schemas.planItem), true],
  history: [schemas.pageOf(schemas.eventRow), true],
  why: [schemas.whyView, true],
  trashList: [Type.Array(schemas.trashView), true],
  trashRestore: [schemas.trashView, false],
  doctor: [Type.Array(schemas.check), true],
  recovery: [Type.Array(schemas.recoveryView), true],
};

export function addVerbs(app: FastifyInstance, useCasesOf: (visitor: Visitor) => UseCases): void {
  for (const method of Object.keys(METHOD_ARGUMENTS) as Method[]) {
    const [result, looksOnly] = RESULTS[method];
    app.post<{ Body: { readonly args: readonly unknown[] } }>(`${API}/${method}`, {
      config: { looksOnly },
      schema: {
        operationId: `verb_${method}`,
        summary: `The command line's ${method}.`,
        body: {
          type: 'object',
          required: ['args'],
          additionalProperties: false,
          properties: { args: METHOD_ARGUMENTS[method] },
        },
        response: { 200: { ...object({ result }), description: 'Done.' }, ...failures },
      },
      handler: async (request) => {
        const { visitor } = request;
        if (visitor === null) throw new TypeError('the route is not guarded');
        const call = useCasesOf(visitor).operator[method] as (
          ...args: readonly unknown[]
        ) => Promise<unknown>;
        return { result: (await call(...request.body.args)) ?? null };
      },
    });
  }
}
