import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { handlers } from '../../../../services/protocols/postgres/sql/statements.ts';

const resolve = createRequire(import.meta.url).resolve;
const declarations = readFileSync(join(dirname(resolve('@pgsql/types')), 'types.d.ts'), 'utf8');
const statementKinds = [...declarations.matchAll(/^export interface (\w+Stmt) /gm)].flatMap(
  (match) => match[1] ?? [],
);

test('every statement of PostgreSQL’s grammar is mapped', () => {
  expect(statementKinds.length).toBeGreaterThan(110);
  expect(Object.keys(handlers).sort()).toEqual([...new Set(statementKinds)].sort());
});

test('only parts of other statements have no handler', () => {
  const without = Object.entries(handlers).flatMap(([kind, handler]) => (handler === null ? [kind] : []));
  expect(without.sort()).toEqual([
    'PLAssignStmt',
    'RawStmt',
    'ReplicaIdentityStmt',
    'ReturnStmt',
    'SetOperationStmt',
  ]);
});
