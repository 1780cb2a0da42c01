import { z } from 'zod';
import type { ValuePath } from '../model/problem.ts';
import { References } from './references.ts';
import { configSchema } from './schema.ts';
import type { TargetProtocol } from './sections/targets.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * JSON Schema of sallyport.yaml, for editors: draft 7, which the YAML language server knows best. A first line
 * `# yaml-language-server: $schema=sallyport.schema.json` in the config makes an editor use it.
 */
export function settingsJsonSchema(protocols: readonly TargetProtocol[]): JsonSchema {
  // Nothing is read while a schema is only written down, so folder and environment do not matter.
  const schema = configSchema(protocols, new References('/', {}));
  const { $schema = 'http://json-schema.org/draft-07/schema#', ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-07',
  });
  return { $schema, title: 'sallyport.yaml', ...rest };
}

/** The keys that the section at a path may have, in their order in the schema. */
export function keysAt(schema: JsonSchema, value: unknown, path: ValuePath): readonly string[] {
  const branches = branchesFor(schema, value);
  const [step, ...rest] = path;
  if (step === undefined) return branches.flatMap(({ properties }) => Object.keys(properties ?? {}));
  const inner: unknown =
    typeof value === 'object' && value !== null && Object.hasOwn(value, step)
      ? Reflect.get(value, step)
      : null;
  return branches.flatMap((branch) => {
    const child = typeof step === 'number' ? branch.items : branch.properties?.[step];
    return isSchema(child) ? keysAt(child, inner, rest) : [];
  });
}

/** Of the alternatives for targets, the one whose protocol the value names. */
function branchesFor(schema: JsonSchema, value: unknown): readonly JsonSchema[] {
  if (schema.anyOf === undefined) return [schema];
  const protocol: unknown =
    typeof value === 'object' && value !== null ? Reflect.get(value, 'protocol') : undefined;
  return schema.anyOf.filter(isSchema).filter(({ properties }) => {
    const named = properties?.['protocol'];
    return isSchema(named) && named.const === protocol;
  });
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
