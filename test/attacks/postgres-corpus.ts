/** Runs cases in the corpus' form live, through Envoy, and says how each ends. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestGateway, targetPassword } from '../e2e/gateway.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { fieldsOf, frame, type Message, RawClient, say } from './raw-client.ts';

export type Outcome = 'allow' | 'masked' | 'hold' | 'deny';

export interface Case {
  readonly id: string;
  readonly sql: string;
  readonly sql_bytes_hex?: string;
  readonly params?: readonly string[];
  readonly copy_data?: string;
  readonly policy_key: 'RW' | 'RO' | 'RWC';
  readonly expected: Outcome;
  readonly acceptable?: readonly Outcome[];
  readonly leak_needles?: readonly string[];
  readonly session_before?: readonly string[];
  readonly session_after?: readonly string[];
  readonly existing_objects?: readonly string[];
  readonly startup_params?: Readonly<Record<string, string>>;
}

/**
 * The corpus' policies in our own language. Who may ask whether a number of few digits equals a value learns whose it is (PG-364), so
 * the masks of those say no; an e-mail address may be asked for, as masks have it that say nothing.
 */
export const policy = `\
policies:
  - name: read-only
    targets: ["*"]
    principals: [{groups: [RO, RW, RWC]}]
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
    masks:
      - {fields: [app.users.email], with: full}
      - {fields: [app.users.ssn, app.cards.pan], with: full, inConditions: deny}
  - name: read-write
    targets: ["*"]
    principals: [{groups: [RW, RWC]}]
    rules:
      - {name: add, effects: [insert], tables: [app.*], outcome: allow}
      - name: change
        effects: [update, delete, merge]
        tables: [app.*]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], mode: defer}
  - name: definitions
    targets: ["*"]
    principals: [{groups: [RWC]}]
    rules:
      - name: create
        effects: [create]
        objects: [table, view, function, rule, trigger]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], mode: defer}
      - name: code
        opaque: [procedural-code]
        effects: [create]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], mode: defer}
`;

const rank: Readonly<Record<Outcome, number>> = { allow: 0, masked: 1, hold: 2, deny: 3 };

/** Each case with objects of its own has a database of its own, a copy of the first. */
export const databaseOf = ({ id, existing_objects: objects }: Case): string =>
  objects === undefined ? 'acdb' : id.toLowerCase().replace('-', '');

/** The corpus' roles and schema, and the databases of cases with objects of their own. */
export async function prepareCorpus(postgres: PostgresServer, cases: readonly Case[]): Promise<void> {
  const admin = await postgres.connect();
  for (const role of ['app_owner', 'app_ro', 'app_admin']) await admin.query(`CREATE ROLE ${role} LOGIN`);
  await admin.query(`ALTER ROLE app_owner PASSWORD '${targetPassword}'`);
  await admin.query('CREATE DATABASE acdb');
  const first = await postgres.connect('acdb');
  const schema = readFileSync(join(import.meta.dirname, 'postgres-schema.sql'), 'utf8');
  // VACUUM, the last statement, does not run together with others.
  await first.query(schema.slice(0, schema.lastIndexOf('VACUUM')));
  await first.end();
  for (const each of cases) {
    if (each.existing_objects === undefined) continue;
    await admin.query(`CREATE DATABASE ${databaseOf(each)} TEMPLATE acdb`);
    const own = await postgres.connect(databaseOf(each));
    for (const statement of each.existing_objects) await own.query(statement);
    await own.end();
  }
  await admin.end();
}

/** What the answers say of the decision. */
function outcomeOf(messages: readonly Message[]): Outcome {
  const errors = messages.filter(({ type }) => type === 'E').map(fieldsOf);
  if (errors.some(({ D = '' }) => D.includes('Reason: hold-open'))) return 'hold';
  // A refusal of ours carries its rule and reason; what the database itself refuses has been let through to it.
  const refused = errors.some(
    ({ D = '', M = '', S, R }) => /Reason: /.test(D) || S === 'FATAL' || (R === undefined && M !== ''),
  );
  return refused ? 'deny' : 'masked';
}

/** All that may hold a value of the database: rows, COPY data, notices, and errors that are not ours. */
const shown = (messages: readonly Message[]): string =>
  messages
    .filter((message) => {
      if (message.type === 'E') return !(fieldsOf(message)['D'] ?? '').includes('Reason: ');
      return ['D', 'd', 'N', 'A'].includes(message.type);
    })
    .map(({ body }) => body.toString('latin1'))
    .join('\n');

/** How a text is sent. */
export const modes = {
  simple: ({ sql, sql_bytes_hex: hex }: Case) => [
    hex === undefined
      ? say.query(sql)
      : frame('Q', Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(1)])),
  ],
  'extended, in text': (one: Case) => extended(one, 0),
  'extended, in binary': (one: Case) => extended(one, 1),
} as const;

export type Mode = keyof typeof modes;

/** Without a Describe: the gateway must ask for itself. */
const extended = ({ sql, sql_bytes_hex: hex, params = [] }: Case, format: 0 | 1): readonly Buffer[] => [
  hex === undefined
    ? say.parse(sql)
    : frame('P', '', Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(3)])),
  say.bind('', '', { parameters: params, resultFormats: [format] }),
  say.execute(),
  say.sync(),
];

async function run(
  gateway: TestGateway,
  one: Case,
  mode: Mode,
): Promise<{ readonly outcome: Outcome; readonly client: RawClient }> {
  const client = await RawClient.connect(gateway.port);
  client.send(say.startup({ user: 'agent-7', database: databaseOf(one), ...one.startup_params }));
  await client.until(() => client.closed || client.has('R') || client.has('E'));
  client.send(say.password(gateway.issuer.mint({ groups: [one.policy_key] })));
  await client.until(() => client.closed || client.has('Z'));
  if (client.closed) return { outcome: outcomeOf(client.messages), client };
  for (const text of one.session_before ?? []) await client.exchange(say.query(text));
  const refusedBefore = outcomeOf(client.messages);
  client.messages.length = 0;
  client.send(...modes[mode](one));
  await client.until(() => client.closed || client.has('Z') || client.has('G'));
  if (client.has('G')) await client.exchange([say.copyData(one.copy_data ?? ''), say.copyDone()]);
  const outcome = outcomeOf(client.messages);
  for (const text of one.session_after ?? []) await client.exchange(say.query(text));
  // Where a statement of the preparation is refused, the attack does not come to its point.
  const stopped = refusedBefore === 'deny' && rank[outcome] < rank[one.expected];
  return { outcome: stopped ? 'deny' : outcome, client };
}

/** What went wrong, a line each. */
export interface Figures {
  readonly ran: number;
  /** Values that must not be seen, seen. */
  readonly leaks: readonly string[];
  readonly holes: readonly string[];
  readonly friction: readonly string[];
}

export async function runAll(gateway: TestGateway, cases: readonly Case[], mode: Mode): Promise<Figures> {
  const leaks: string[] = [];
  const holes: string[] = [];
  const friction: string[] = [];
  let ran = 0;
  for (const one of cases) {
    if (mode === 'simple' && one.params !== undefined) continue;
    ran += 1;
    const { outcome, client } = await run(gateway, one, mode);
    client.end();
    const text = shown(client.messages);
    const needle =
      one.expected === 'allow' ? undefined : one.leak_needles?.find((each) => text.includes(each));
    const line = `${one.id} expects ${one.expected}, got ${outcome} ${client.lastError()}: ${one.sql.slice(0, 100)}`;
    if (needle !== undefined) leaks.push(`${needle}: ${line}`);
    const accepted =
      outcome === one.expected ||
      one.acceptable?.includes(outcome) ||
      (outcome === 'masked' && (one.expected === 'allow' || one.acceptable?.includes('allow'))) ||
      client.lastError().includes('cannot insert multiple commands into a prepared statement');
    if (!accepted) (rank[outcome] < rank[one.expected] ? holes : friction).push(line);
  }
  return { ran, leaks, holes, friction };
}

/** Each run prints them. */
export function printFigures(what: string, mode: Mode, { ran, leaks, holes, friction }: Figures): void {
  const share = ((friction.length / ran) * 100).toFixed(1);
  process.stderr.write(
    `${what}, ${mode}: ${ran} cases, ${leaks.length} leaks, ${holes.length} holes, friction ${friction.length} (${share} %)\n`,
  );
}
