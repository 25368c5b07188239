/**
 * Route: one operation of the API, declared with what it takes and gives. From the declaration
 * come the check of the request, the form of the answer, who may ask, and the document.
 */
import type { Static, TProperties, TSchema } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import type { Desk } from '#ports/desk.ts';
import type { Operator } from '#ports/operator.ts';
import type { Visitor } from '../access.ts';
import { errorSchema, object, Type } from './schemas.ts';

export const API = '/api/v1';

/** The use cases, in the name of one visitor. */
export interface UseCases {
  readonly operator: Operator;
  readonly desk: Desk;
}

export interface Declared<
  Params extends TProperties,
  Query extends TProperties,
  Body extends TSchema,
  Result extends TSchema,
> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the API's prefix, such as `/pairs/:name`. */
  readonly url: string;
  readonly id: string;
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly result: Result;
  /** Looks only, whatever its method says: viewers may ask it too. */
  readonly looksOnly?: boolean;
  handle(
    asked: {
      readonly params: Static<ReturnType<typeof object<Params>>>;
      readonly query: Static<ReturnType<typeof object<Query>>>;
      readonly body: Static<Body>;
    },
    use: UseCases & { readonly visitor: Visitor },
  ): Promise<Static<Result>> | Static<Result>;
}

export type AddRoute = <
  Result extends TSchema,
  Params extends TProperties = Record<never, never>,
  Query extends TProperties = Record<never, never>,
  Body extends TSchema = TSchema,
>(
  declared: Declared<Params, Query, Body, Result>,
) => void;

const FAILURES = {
  400: 'The request asks for something that cannot be.',
  401: 'Nobody is logged in, and no valid token was given.',
  403: 'A viewer changes nothing; nor does a page of another site.',
  404: 'There is no such thing.',
  409: 'Something else stands against it, or changed meanwhile.',
  415: 'The body is of no kind that is read here.',
  429: 'Too many requests.',
  503: 'The database, the queue or a store does not answer; ask again later.',
} as const;

/** The failures that any operation may answer, as schemas of their responses. */
export const failures = Object.fromEntries(
  Object.entries(FAILURES).map(([status, description]) => [status, { ...errorSchema, description }]),
);

export function addRoutes(app: FastifyInstance, useCasesOf: (visitor: Visitor) => UseCases): AddRoute {
  return ({ method, url, id, summary, params, query, body, result, looksOnly, handle }) => {
    app.route<{ Params: unknown; Querystring: unknown; Body: unknown }>({
      method,
      url: `${API}${url}`,
      config: { looksOnly: looksOnly === true || method === 'GET' },
      schema: {
        operationId: id,
        summary,
        ...(params === undefined ? {} : { params: object(params) }),
        querystring: object(query ?? {}),
        ...(body === undefined ? {} : { body }),
        response: { 200: { ...result, description: 'Done.' }, ...failures },
      },
      handler: async (request, reply) => {
        const { visitor } = request;
        if (visitor === null) throw new TypeError('the route is not guarded');
        const asked = { params: request.params, query: request.query, body: request.body };
        const given = await handle(asked as Parameters<typeof handle>[0], {
          ...useCasesOf(visitor),
          visitor,
        });
        return reply.send(given);
      },
    });
  };
}

/** Text that no database and no folder can hold. @returns whether any part of the value is such. */
export function holdsUntold(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\u0000') || !value.isWellFormed();
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some((entry) => entry.some(holdsUntold));
}

/** For operations that give nothing back. */
export const done = object({ done: Type.Literal(true) });
export const DONE = { done: true } as const;
