/** Document: the API as OpenAPI 3.1, made of the routes' own schemas. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';

export function documentOptions(): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        version: '1',
        description:
          'What the console and the command line ask of a fleet. Viewers look, operators change; every change is recorded with who made it.',
      },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Made by "holdfast account token".' },
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: 'holdfast-session',
            description: "A login on the page; changes also carry the page's token in the header csrf-token.",
          },
        },
      },
      security: [{ token: [] }, { session: [] }],
    },
    transform: ({ schema, url }) => ({ schema: asWritten(schema) as FastifySchema, url }),
  };
}

/** Lists whose items differ by place are told otherwise in the document's dialect than in the checker's. */
function asWritten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asWritten);
  if (typeof value !== 'object' || value === null) return value;
  const { items, additionalItems, ...rest } = value as Record<string, unknown>;
  const written = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, asWritten(each)]));
  if (Array.isArray(items)) return { ...written, prefixItems: items.map(asWritten), items: false };
  return {
    ...written,
    ...(items === undefined ? {} : { items: asWritten(items) }),
    ...(additionalItems === undefined ? {} : { additionalItems }),
  };
}
