import { createSecretKey } from 'node:crypto';
import type { Mask, Obligations } from '../../../../services/core/model/decision.ts';
import { policyName } from '../../../../services/core/model/ids.ts';
import { Catalog, Relation } from '../../../../services/protocols/postgres/sql/catalog.ts';
import { backend, frameOf, int16, int32 } from '../../../../services/protocols/postgres/wire/backend.ts';
import { BodyReader } from '../../../../services/protocols/postgres/wire/body.ts';
import { typeOids } from '../../../../services/protocols/postgres/wire/values.ts';

export const key = createSecretKey(Buffer.alloc(32, 7));

export const mask = (
  fields: readonly string[],
  transform = 'full',
  detect: readonly string[] = [],
): Mask => ({
  policy: policyName('shop'),
  fields,
  detect,
  transform,
  inConditions: 'allow',
  derived: 'mask',
});

export const obligations = (...masks: readonly Mask[]): Obligations => ({
  masks,
  limits: {
    maxRows: null,
    maxBytes: null,
    commandsPerMinute: null,
    guessesPerMinute: 10,
    sessionMs: null,
    idleMs: null,
  },
  recordResults: true,
  recordResultsAsked: false,
});

/** A catalog of tables whose columns are all text, numbered from 1: `{ 'app.users': [100, 'id', 'email'] }`. */
export function catalogOf(tables: Readonly<Record<string, readonly [number, ...string[]]>>): Catalog {
  const relations = new Map<number, Relation>();
  for (const [text, [oid, ...columns]] of Object.entries(tables)) {
    const [schema = '', name = ''] = text.split('.');
    const row = {
      oid,
      schema,
      name,
      kind: 'table',
      partition: false,
      rowSecurity: false,
      rowType: 0,
    } as const;
    const relation = new Relation(row);
    columns.forEach((column, at) => relation.addColumn(column, at + 1, typeOids.text));
    relations.set(oid, relation);
  }
  return new Catalog({
    fingerprint: 'test',
    serverVersion: 150000,
    schemas: new Map(),
    relations,
    functions: new Map(),
    types: new Map(),
    operators: [],
    casts: [],
    rings: new Map(),
    eventTriggers: [],
  });
}

/** A value with its Int32 length before it, as DataRow and binary COPY have it. */
export const lengthAndValue = (value: Buffer | null): Buffer =>
  Buffer.concat([int32(value?.length ?? -1), value ?? Buffer.alloc(0)]);

export const dataRow = (values: readonly (Buffer | null)[]): Buffer =>
  frameOf(backend.dataRow, int16(values.length), ...values.map(lengthAndValue));

export function valuesOf(row: Buffer): readonly (Buffer | null)[] {
  const body = new BodyReader(row);
  const values = Array.from({ length: body.uint16() }, () => body.nullableBytes());
  body.end();
  return values;
}

export const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));
