import { z } from 'zod';
import { type ProblemCode, problemKinds, problemMediaType, problemSchema } from './problems.ts';
import type { Route } from './route.ts';
import { namedSchemas } from './schemas.ts';

/** What every route can answer, beside its own problems. */
const commonProblems: readonly ProblemCode[] = [
  'invalid-request',
  'unauthenticated',
  'token-rejected',
  'principal-disabled',
  'internal',
  'busy',
  'timed-out',
  'identity-unavailable',
];
/** What a body can be wrong by. */
const bodyProblems: readonly ProblemCode[] = ['too-large', 'unsupported-media-type'];

const schemaPlace = (name: string): string => `#/components/schemas/${name}`;

/** The API's own description, OpenAPI 3.1, whose schemas are JSON Schema 2020-12. */
export function openApiDocument(routes: readonly Route[], version: string): unknown {
  const registry = z.registry<{ readonly id: string }>();
  for (const [id, schema] of Object.entries({ ...namedSchemas, Problem: problemSchema })) {
    registry.add(schema, { id });
  }
  const { schemas } = z.toJSONSchema(registry, { uri: schemaPlace });
  const names = new Map<z.ZodType, string>(
    Object.entries(namedSchemas).map(([name, schema]) => [schema, name]),
  );
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, names) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sallyport',
      version,
      description:
        'The gateway’s own API, by which people approve, look and end sessions. It listens on a unix socket in the ' +
        'gateway’s state folder, and every request carries a person’s token for the console audience.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://localhost', description: 'On the unix socket run/console.api.sock' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'An access token of a person with the console audience: "sallyport login" gets one',
        },
      },
      schemas: Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, plain(schema)])),
    },
  };
}

/** In components a schema is found by its place; its own id would be another one to whoever resolves references. */
function plain(schema: z.core.JSONSchema.BaseSchema): unknown {
  const { $id: _, $schema: __, ...rest } = schema;
  return rest;
}

function schemaOf(schema: z.ZodType, names: ReadonlyMap<z.ZodType, string>): unknown {
  const name = names.get(schema);
  return name === undefined ? plain(z.toJSONSchema(schema, { io: 'input' })) : { $ref: schemaPlace(name) };
}

function operation(route: Route, names: ReadonlyMap<z.ZodType, string>): unknown {
  const mediaType = route.lines ? 'application/x-ndjson' : 'application/json';
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: route.description,
    parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')],
    ...(route.body !== null && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: schemaOf(route.body, names) } },
      },
    }),
    responses: {
      '200': {
        description: descriptionOf(route.answer) ?? (route.lines ? 'One document a line' : 'The answer'),
        content: { [mediaType]: { schema: schemaOf(route.answer, names) } },
      },
      ...problemResponses([
        ...commonProblems,
        ...(route.body === null ? [] : bodyProblems),
        ...route.problems,
      ]),
    },
  };
}

const descriptionOf = (schema: z.ZodType): string | undefined => schema.meta()?.description;

function parametersOf(schema: z.ZodObject, place: 'path' | 'query'): readonly unknown[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = typeof property === 'object' ? property : {};
    return { name, in: place, required: place === 'path', description, schema: rest };
  });
}

/** One response a status, with the codes that its problems can have. */
function problemResponses(codes: readonly ProblemCode[]): Readonly<Record<string, unknown>> {
  const byStatus = Map.groupBy([...new Set(codes)], (code) => problemKinds[code][0]);
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      String(status),
      {
        description: same.map((code) => `\`${code}\`: ${problemKinds[code][1]}`).join('; '),
        content: { [problemMediaType]: { schema: { $ref: schemaPlace('Problem') } } },
      },
    ]),
  );
}
