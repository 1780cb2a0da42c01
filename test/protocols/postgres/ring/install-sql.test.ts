import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Mask } from '../../../../services/core/model/decision.ts';
import { targetName } from '../../../../services/core/model/ids.ts';
import { Secret } from '../../../../services/core/model/secret.ts';
import { installSql, uninstallSql } from '../../../../services/protocols/postgres/ring/install-sql.ts';
import { planRing } from '../../../../services/protocols/postgres/ring/plan.ts';
import type { RelationRights } from '../../../../services/protocols/postgres/ring/rights.ts';
import { ringOf } from '../../../../services/protocols/postgres/ring/ring.ts';
import { scramVerifier } from '../../../../services/protocols/postgres/session/scram.ts';
import { Catalog, Relation } from '../../../../services/protocols/postgres/sql/catalog.ts';
import { typeOids } from '../../../../services/protocols/postgres/wire/values.ts';
import { key, mask, obligations } from '../mask/fixtures.ts';

/** `app.users`, `app."Ord""ers"` with row security, and `app.notes`, on which no mask is. */
function shop(): Catalog {
  const relations = new Map<number, Relation>();
  const add = (
    oid: number,
    name: string,
    rowSecurity: boolean,
    columns: readonly [string, number][],
  ): void => {
    const row = {
      oid,
      schema: 'app',
      name,
      kind: 'table',
      partition: false,
      rowSecurity,
      rowType: 0,
    } as const;
    const relation = new Relation(row);
    for (const [at, [column, type]] of columns.entries()) relation.addColumn(column, at + 1, type);
    relations.set(oid, relation);
  };
  add(100, 'users', false, [
    ['id', typeOids.int4],
    ['email', typeOids.text],
    ["o'clock", typeOids.text],
  ]);
  add(200, 'Ord"ers', true, [['id', typeOids.int4]]);
  add(300, 'notes', false, [['id', typeOids.int4]]);
  return new Catalog({
    fingerprint: 'test',
    serverVersion: 150000,
    schemas: new Map([['app', { usable: true }]]),
    relations,
    functions: new Map(),
    types: new Map(),
    operators: [],
    casts: [],
    rings: new Map([
      [
        'sallyport_ring_old',
        {
          comment: null,
          powerful: false,
          usableSchemas: new Set(),
          relations: new Map(),
          readable: new Map(),
        },
      ],
    ]),
    eventTriggers: [],
  });
}

const rights = (...columns: readonly number[]): RelationRights => {
  const all = new Set(columns);
  return { select: all, insert: all, update: all, delete: true, usage: false };
};

const login = {
  role: 'gate"way',
  database: 'shop',
  serverEncoding: 'UTF8',
  rights: new Map([
    [100, rights(1, 2, 3)],
    [200, rights(1)],
    [300, { ...rights(1), insert: new Set<number>(), update: new Set<number>(), delete: false }],
  ]),
  settings: ['statement_timeout=30s', 'search_path=evil', "app.who=o'brien"],
  openDefiners: [],
  keptFunctions: [],
};

function sqlOfShop(): string {
  const ring = ringOf(
    targetName('shop'),
    { database: 'shop' },
    obligations(mask(['app.users.email'], 'hash'), mask(["app.users.o'clock"], 'redact')),
  );
  if (ring === null) throw new Error('there are masks');
  const catalog = shop();
  const plan = planRing(ring, ['app', 'nowhere'], catalog, key);
  const parts = { login, catalog, maskingKey: key, passwordVerifier: 'SCRAM-SHA-256$of-the-test' };
  return installSql([{ plan, exists: false }], parts);
}

test('the SQL of an installation is as it was read', () => {
  const golden = join(import.meta.dirname, 'install.golden.sql');
  const sql = sqlOfShop();
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, sql);
  expect(sql).toBe(readFileSync(golden, 'utf8'));
});

test('nothing is dropped by CASCADE, and all of it is one transaction', () => {
  const sql = sqlOfShop() + uninstallSql(['sallyport_ring_old'], { login, catalog: shop() });
  expect(sql).not.toMatch(/CASCADE/i);
  expect(sql.match(/^(BEGIN|COMMIT);$/gm)).toEqual(['BEGIN;', 'COMMIT;', 'BEGIN;', 'COMMIT;']);
});

test('the name of a ring depends on its masks, its target and its database, and on nothing else', () => {
  const name = (target: string, database: string, ...masks: readonly Mask[]) =>
    ringOf(targetName(target), { database }, obligations(...masks))?.role;
  const one = mask(['a.b.c', 'a.b.d']);
  const first = name('shop', 'db', one);
  expect(first).toMatch(/^sallyport_ring_[0-9a-f]{16}$/);
  expect(name('shop', 'db', mask(['a.b.d']), mask(['a.b.c']), mask([], 'full', ['card']))).toBe(first);
  expect(name('shop', 'db', { ...one, inConditions: 'deny' })).toBe(first);
  const others = [
    name('shop2', 'db', one),
    name('shop', 'db2', one),
    name('shop', 'db', mask(['a.b.c'])),
    name('shop', 'db', mask(['a.b.c', 'a.b.d'], 'null')),
  ];
  expect(new Set([first, ...others]).size).toBe(5);
  expect(name('shop', 'db', mask([], 'full', ['card']))).toBeUndefined();
});

test('a password’s verifier is the one that PostgreSQL would make', async () => {
  // RFC 7677 section 3 has this salt and password, and 4,096 iterations.
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  expect(await scramVerifier(new Secret('pencil'), salt)).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
});
