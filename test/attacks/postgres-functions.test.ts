/** Functions that a rule allows by name, and that read masked columns: live, through Envoy. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TestGateway } from '../e2e/gateway.ts';
import { type Case, type Outcome, policy, prepareCorpus, printFigures, runAll } from './postgres-corpus.ts';

const functions = `\
  - name: functions
    targets: ["*"]
    principals: [{groups: [RO, RW]}]
    rules:
      - {name: lookups, effects: [call], functions: ["app.fn_*"], outcome: allow}
  - name: trusted-functions
    targets: ["*"]
    principals: [{groups: [RWC]}]
    rules:
      - {name: lookups, effects: [call], functions: ["app.fn_*"], outcome: allow}
      - {name: read-before, opaque: [untraced-function], outcome: allow}
`;

const objects: readonly string[] = [
  "CREATE FUNCTION app.fn_user(int) RETURNS SETOF app.users LANGUAGE sql AS 'SELECT * FROM app.users WHERE id = $1'",
  "CREATE FUNCTION app.fn_one(int) RETURNS app.users LANGUAGE sql AS 'SELECT u FROM app.users u WHERE id = $1'",
  "CREATE FUNCTION app.fn_mail(who int) RETURNS text LANGUAGE sql AS 'SELECT email FROM users WHERE id = who'",
  'CREATE FUNCTION app.fn_atomic(who int) RETURNS TABLE (mail text, code text) BEGIN ATOMIC SELECT email, ssn FROM app.users WHERE id = who; END',
  "CREATE FUNCTION app.fn_record() RETURNS SETOF record LANGUAGE sql AS 'SELECT id, ssn FROM app.users'",
  "CREATE FUNCTION app.fn_out(who int, OUT a text, OUT b text) LANGUAGE sql AS 'SELECT name, ssn FROM app.users WHERE id = who'",
  "CREATE FUNCTION app.fn_nested(int) RETURNS text LANGUAGE sql AS 'SELECT reverse(app.fn_mail($1))'",
  "CREATE FUNCTION app.fn_bytes(int) RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(ssn, 'UTF8') FROM app.users WHERE id = $1 $$",
  "CREATE FUNCTION app.fn_json(int) RETURNS jsonb LANGUAGE sql AS 'SELECT to_jsonb(u) FROM app.users u WHERE id = $1'",
  "CREATE FUNCTION app.fn_array() RETURNS text[] LANGUAGE sql AS 'SELECT array_agg(ssn) FROM app.users'",
  "CREATE FUNCTION app.fn_echo(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
  "CREATE FUNCTION app.fn_of(app.users) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn'",
  "CREATE FUNCTION app.fn_is(text) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT 1 FROM app.users WHERE ssn = $1)'",
  "CREATE FUNCTION app.fn_mail_is(mail text) RETURNS int LANGUAGE sql AS 'SELECT id FROM app.users WHERE email = mail'",
  "CREATE FUNCTION app.fn_like(text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM app.users WHERE email LIKE $1'",
  "CREATE FUNCTION app.fn_nth(int) RETURNS int LANGUAGE sql AS 'SELECT id FROM app.users ORDER BY id OFFSET $1 LIMIT 1'",
  "CREATE FUNCTION app.fn_rows(int) RETURNS SETOF int LANGUAGE sql AS 'SELECT g FROM app.users, generate_series(1, ascii(substr(ssn, $1, 1))) g WHERE id = 1'",
  "CREATE FUNCTION app.fn_fails(int) RETURNS int LANGUAGE sql AS 'SELECT ssn::int FROM app.users WHERE id = $1'",
  'CREATE FUNCTION app.fn_code(int) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN SELECT ssn INTO r FROM app.users WHERE id = $1; RETURN r; END $$',
  "CREATE FUNCTION app.fn_dynamic(text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN EXECUTE 'SELECT ssn FROM app.users LIMIT 1' INTO r; RETURN r; END $$",
  "CREATE FUNCTION app.fn_raises() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', (SELECT max(ssn) FROM app.users); END $$",
  "CREATE FUNCTION app.fn_over_code(int) RETURNS text LANGUAGE sql AS 'SELECT app.fn_code($1)'",
  'CREATE FUNCTION app.fn_people() RETURNS SETOF app.users LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT * FROM app.users; END $$',
  'CREATE VIEW app.v_fn AS SELECT app.fn_mail(id) AS mail, app.fn_code(id) AS code FROM app.users',
  'CREATE VIEW app.v_fn_mail AS SELECT id, app.fn_mail(id) AS mail FROM app.users',
  "CREATE FUNCTION app.fn_sums(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1 || (SELECT max(ssn) FROM app.users)'",
  "CREATE AGGREGATE app.fn_all(text) (SFUNC = app.fn_sums, STYPE = text, INITCOND = '')",
  'CREATE OPERATOR public.<+> (LEFTARG = text, RIGHTARG = text, FUNCTION = app.fn_sums)',
  "CREATE FUNCTION app.fn_code_over(int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN app.fn_mail($1); END'",
  "CREATE FUNCTION app.fn_loops() RETURNS SETOF text LANGUAGE plpgsql AS 'DECLARE u app.users; BEGIN FOR u IN SELECT * FROM app.users LOOP RETURN NEXT u.name; END LOOP; END'",
  // Honest ones.
  "CREATE FUNCTION app.fn_code_total(int) RETURNS numeric LANGUAGE plpgsql AS 'DECLARE t numeric; BEGIN SELECT sum(total) INTO t FROM app.orders WHERE user_id = $1; RETURN coalesce(t, 0); END'",
  "CREATE FUNCTION app.fn_code_name(int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT name FROM app.users WHERE id = $1); END'",
  "CREATE FUNCTION app.fn_total(int) RETURNS numeric LANGUAGE sql AS 'SELECT sum(total) FROM app.orders WHERE user_id = $1'",
  "CREATE FUNCTION app.fn_double(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2'",
  "CREATE FUNCTION app.fn_named(int) RETURNS TABLE (no int, called text) LANGUAGE sql STABLE AS 'SELECT id, name FROM app.users WHERE id <= $1 AND ssn IS NOT NULL ORDER BY email'",
  'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO PUBLIC',
];

const needles = [
  '123-45-6789',
  '9876-54-321',
  '987-65-4321',
  'alice@corp.example',
  'elpmaxe.proc@ecila',
  '3132332d',
];

const cases = (
  prefix: string,
  expected: Outcome,
  texts: readonly string[],
  key: Case['policy_key'] = 'RO',
): readonly Case[] =>
  texts.map((sql, at) => ({
    ...{ id: `${prefix}-${at + 1}`, sql, policy_key: key, expected, acceptable: [] },
    leak_needles: needles,
  }));

const attacks: readonly Case[] = [
  ...cases('output', 'masked', [
    'SELECT * FROM app.fn_user(1)',
    'SELECT app.fn_user(1)',
    'SELECT (app.fn_one(1)).ssn, (app.fn_one(1)).*',
    'SELECT f.c FROM app.fn_one(1) AS f(a, b, c)',
    'SELECT app.fn_mail(1), fn_mail(who => 1)',
    'SELECT code || mail FROM app.fn_atomic(1)',
    'SELECT b, a FROM app.fn_record() AS r(a int, b text)',
    'SELECT (app.fn_out(1)).b, app.fn_out(1)',
    'SELECT app.fn_nested(1), upper(app.fn_nested(1))',
    "SELECT encode(app.fn_bytes(1), 'escape'), app.fn_bytes(1)",
    "SELECT app.fn_json(1) ->> 'ssn', app.fn_json(1)",
    'SELECT (app.fn_array())[1], app.fn_array()',
    'SELECT app.fn_echo(ssn), app.fn_echo(app.fn_echo(email)) FROM app.users',
    'SELECT u.fn_of, app.fn_of(u), (u).fn_of FROM app.users u',
    'SELECT l.mail FROM app.users u, LATERAL app.fn_atomic(u.id) l',
    'SELECT a.code FROM ROWS FROM (app.fn_atomic(1), generate_series(1, 2)) WITH ORDINALITY AS a(mail, code, n, o)',
    'WITH w AS (SELECT app.fn_mail(1) AS m) SELECT m FROM w UNION ALL SELECT app.fn_mail(2)',
    'COPY (SELECT mail, code FROM app.fn_atomic(1)) TO STDOUT',
    'DECLARE c CURSOR FOR SELECT * FROM app.fn_user(1); FETCH c',
    'PREPARE q AS SELECT app.fn_mail($1); EXECUTE q (1)',
    'SELECT mail FROM app.v_fn_mail',
    'SELECT row_to_json(f) FROM app.fn_atomic(1) f',
    "SELECT format('%s', f) FROM app.fn_user(1) f",
    "SELECT CASE WHEN app.fn_mail(1) LIKE 'a%' THEN 1 ELSE 0 END",
  ]),
  ...cases('question', 'deny', [
    "SELECT app.fn_is('123-45-6789')",
    "SELECT app.fn_like('alice%')",
    "SELECT app.fn_mail_is('a' || g) FROM generate_series(1, 1000) g",
    "SELECT app.fn_is('123-45-' || g) FROM generate_series(1000, 9999) g",
    "SELECT id FROM app.users WHERE app.fn_mail(id) LIKE 'a%'",
    'SELECT id FROM app.users ORDER BY app.fn_mail(id)',
    'SELECT count(*) FROM app.fn_rows(1)',
    'SELECT app.fn_rows(1)',
    'SELECT no.id FROM app.orders no JOIN app.fn_user(1) f ON f.ssn = no.id::text',
    'SELECT app.fn_echo(u.ssn) = f.code FROM app.users u, app.fn_atomic(u.id) f WHERE f.code > u.name',
    'SELECT 1 FROM unnest(app.fn_array())',
    'SELECT x FROM unnest(ARRAY[app.fn_mail(1)]) x',
  ]),
  // It runs, and its error would quote what it reads: the message is withheld.
  ...cases('error', 'deny', ['SELECT app.fn_fails(1)']),
  ...cases('untraced', 'deny', [
    'SELECT app.fn_code(1)',
    'SELECT upper(app.fn_code(1))',
    "SELECT app.fn_dynamic('x')",
    'SELECT app.fn_raises()',
    'SELECT app.fn_over_code(1)',
    'SELECT app.fn_code_over(1)',
    'SELECT * FROM app.fn_loops()',
    'SELECT * FROM app.fn_people()',
    'SELECT * FROM app.v_fn',
    'SELECT app.fn_all(name) FROM app.users',
    "SELECT name <+> 'x' FROM app.users",
    'SELECT id FROM app.orders WHERE app.fn_code(id) IS NOT NULL',
  ]),
  // Masks hold on a table's own rows, whatever returns them.
  ...cases(
    'trusted',
    'masked',
    ['SELECT * FROM app.fn_people()', 'SELECT (f).ssn FROM app.fn_people() f'],
    'RWC',
  ),
];

const honest: readonly Case[] = [
  ...cases('plain', 'allow', [
    'SELECT app.fn_total(1)',
    'SELECT app.fn_double(id) FROM app.orders',
    'SELECT app.fn_code_total(id), app.fn_code_name(id) FROM app.users WHERE id < 3',
    'SELECT * FROM app.fn_named(3)',
    'SELECT n.called, o.total FROM app.fn_named(3) n JOIN app.orders o ON o.user_id = n.no',
    'SELECT name FROM app.fn_user(1) WHERE id = 1 ORDER BY name',
    'SELECT id FROM app.users WHERE app.fn_double(id) > 4',
    'SELECT name FROM app.users u, LATERAL app.fn_total(u.id) t WHERE t > 0',
  ]),
  // One guess each, as in a condition.
  ...cases('guess', 'allow', ["SELECT app.fn_mail_is('alice@corp.example')"]),
  ...cases('trusted', 'allow', ['SELECT app.fn_code(1)', 'SELECT app.fn_over_code(1)'], 'RWC'),
];

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start({
    async prepare(postgres) {
      await prepareCorpus(postgres, []);
      const owner = await postgres.connect('acdb');
      await owner.query('SET ROLE app_owner; SET search_path TO app, public');
      for (const statement of objects) await owner.query(statement);
      await owner.end();
    },
    policy: policy + functions,
    user: 'app_owner',
    databases: ['acdb'],
  });
}, 120_000);

afterAll(() => gateway[Symbol.asyncDispose]());

test.each(['simple', 'extended, in text', 'extended, in binary'] as const)(
  'functions that read masked columns, %s: no holes, no leaks, no friction',
  async (mode) => {
    for (const [what, each] of [
      ['attacks by functions', attacks],
      ['honest functions', honest],
    ] as const) {
      const figures = await runAll(gateway, each, mode);
      printFigures(what, mode, figures);
      expect(figures).toEqual({ ran: figures.ran, leaks: [], holes: [], friction: [] });
    }
  },
  120_000,
);
