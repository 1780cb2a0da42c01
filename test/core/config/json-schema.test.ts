import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { type JsonSchema, keysAt, settingsJsonSchema } from '../../../services/core/config/json-schema.ts';
import { parseYamlDocument } from '../../../services/core/config/yaml-document.ts';
import { full, smallest } from './configs.ts';
import { protocols } from './protocols.ts';

const schema = settingsJsonSchema(protocols);
const text = `${JSON.stringify(schema, null, 2)}\n`;
const golden = join(import.meta.dirname, 'sallyport.schema.golden.json');

const plain = (yaml: string): unknown => parseYamlDocument('sallyport.yaml', yaml).document?.value;

test('is the golden file', () => {
  // Renewed with UPDATE_GOLDEN=1, and read before it is committed: it is what editors show to people.
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, text);
  expect(text).toBe(readFileSync(golden, 'utf8'));
});

test('is the same every time', () => {
  expect(JSON.stringify(settingsJsonSchema(protocols), null, 2)).toBe(text.trimEnd());
});

describe('an editor that validates by it', () => {
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema);
  const faults = (yaml: string): readonly string[] => {
    validate(plain(yaml));
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };

  test('accepts the smallest config and the full one', () => {
    expect(faults(smallest)).toEqual([]);
    expect(faults(full)).toEqual([]);
  });

  test('accepts the examples and the defaults of each key', () => {
    for (const { path, property } of propertiesOf(schema)) {
      const one = new Ajv({ allowUnionTypes: true }).compile(property);
      const values = [
        ...(property.examples ?? []),
        ...(property.default === undefined ? [] : [property.default]),
      ];
      for (const value of values)
        expect({ path, value, valid: one(value) }).toEqual({ path, value, valid: true });
    }
  });

  test('marks what loading refuses by its form', () => {
    expect(faults(smallest.replace('port:', 'prot:'))).toEqual([
      "/gateway/listeners/0 must have required property 'port'",
      '/gateway/listeners/0 must NOT have additional properties',
    ]);
    expect(faults(smallest.replace('env:DB_PASSWORD', 'hunter2'))[0]).toBe(
      '/targets/0/password must match pattern "^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^\\0]+)$"',
    );
  });
});

interface Property {
  readonly path: string;
  readonly property: JsonSchema;
}

/** Every key that a config may have, with its schema. */
function propertiesOf(node: JsonSchema, path = ''): readonly Property[] {
  const isSchema = (child: unknown): child is JsonSchema =>
    typeof child === 'object' && child !== null && !Array.isArray(child);
  const inner = [...(node.anyOf ?? []), node.items, node.additionalProperties].filter(isSchema);
  return [
    ...inner.flatMap((child) => propertiesOf(child, `${path}[]`)),
    ...Object.entries(node.properties ?? {}).flatMap(([key, property]): readonly Property[] =>
      isSchema(property)
        ? [{ path: `${path}.${key}`, property }, ...propertiesOf(property, `${path}.${key}`)]
        : [],
    ),
  ];
}

describe('for whoever writes a config', () => {
  const properties = propertiesOf(schema);

  test('every key has a description', () => {
    expect(properties.filter(({ property }) => !property.description).map(({ path }) => path)).toEqual([]);
  });

  test('every key whose value is written out has an example', () => {
    const written = properties.filter(
      ({ property }) => property.properties === undefined && propertiesOf(property).length === 0,
    );
    const without = written.filter(({ property }) => {
      const { items } = property;
      const examples =
        property.examples ?? (typeof items === 'object' && 'examples' in items ? items.examples : []);
      return examples?.length === 0;
    });
    expect(without.map(({ path }) => path)).toEqual([]);
  });

  test('the full config of these tests has every key', () => {
    const value = plain(full);
    const missing = properties
      .map(({ path }) => path)
      .filter((path) => !isUsed(value, path.split(/\.|(?=\[\])/)));
    expect(missing).toEqual([]);
  });

  test('the line that makes an editor use it is a comment to us', () => {
    expect(full).toMatch(/^# yaml-language-server: \$schema=sallyport\.schema\.json\n/);
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
  });
});

/** Whether a path like `.gateway.listeners[].name` leads to something; `[]` is any item, or nothing for alternatives. */
function isUsed(value: unknown, steps: readonly string[]): boolean {
  const [step, ...rest] = steps;
  if (step === undefined) return value !== undefined;
  if (step === '') return isUsed(value, rest);
  if (step === '[]')
    return Array.isArray(value) ? value.some((item) => isUsed(item, rest)) : isUsed(value, rest);
  return typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? isUsed(Reflect.get(value, step), rest)
    : false;
}

test('the keys at a path are those of the protocol that stands there', () => {
  const value = plain(full);
  expect(keysAt(schema, value, ['targets', 1])).toEqual(['name', 'protocol', 'url', 'maxBody']);
  expect(keysAt(schema, value, ['targets', 0, 'tls'])).toEqual(['mode', 'ca']);
  expect(keysAt(schema, value, ['gateway', 'envoy'])).toEqual(['admin', 'concurrency']);
  expect(keysAt(schema, value, ['nowhere', 0])).toEqual([]);
});
