import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type {
  Analysis,
  PostgresEffect,
  StatementFacts,
} from '../../../../services/protocols/postgres/sql/analysis.ts';
import { decodeText } from '../../../../services/protocols/postgres/sql/parse.ts';
import { effectsWhenStored } from '../../../../services/protocols/postgres/sql/stored.ts';
import { type Analyst, attacks, conditionsOf, TestServer } from './database.ts';

type PolicyKey = 'RW' | 'RO' | 'RWC';
type Outcome = 'allow' | 'masked' | 'hold' | 'deny';

interface Case {
  readonly id: string;
  readonly class: string;
  readonly sql: string;
  readonly sql_bytes_hex?: string;
  readonly policy_key: PolicyKey;
  readonly expected: Outcome;
  readonly acceptable?: readonly Outcome[];
  readonly session_before?: readonly string[];
  readonly existing_objects?: readonly string[];
  readonly startup_params?: Readonly<Record<string, string>>;
}

// The corpus is our own file; its shape is described in /shared/attacks/README.md.
const { cases } = JSON.parse(readFileSync(join(attacks, 'postgres.json'), 'utf8')) as {
  readonly cases: readonly Case[];
};

/** Holes that only the running session closes, each with what closes it. */
const closedBySession: ReadonlyMap<string, string> = new Map([
  ['PG-029', 'the StartupMessage is built anew: `options` never reaches the server'],
  ['PG-445', 'a DataRow over wire/limits.ts maxBackendFrameBytes ends the statement with an error'],
]);

/** Refusals that are stricter than the corpus asks for, each with its reason. */
const knownFriction: ReadonlyMap<string, string> = new Map([
  ['PG-019', 'PostgreSQL 15 and our parser refuse `0or`: what does not parse is not allowed'],
]);

const rank: Readonly<Record<Outcome, number>> = { allow: 0, masked: 1, hold: 2, deny: 3 };
const masked = new Set(['app.users.email', 'app.users.ssn', 'app.cards.pan']);

const isOnApp = (effect: PostgresEffect): boolean => effect.relation?.startsWith('app.') === true;
const heldVerbs = new Set(['update', 'delete', 'merge']);
const heldObjects = new Set(['table', 'view', 'function', 'rule', 'trigger']);

/** The corpus' policies in words, as directly as they can be put; the real policy language has its own tests. */
function decideEffect(policy: PolicyKey, effect: PostgresEffect): Outcome {
  // As a mask with `inConditions: deny` has it.
  if (conditionsOf(effect).some((column) => masked.has(column))) return 'deny';
  if (effect.verb === 'select' && isOnApp(effect)) return 'allow';
  if (policy !== 'RO' && effect.verb === 'insert' && isOnApp(effect)) return 'allow';
  if (policy !== 'RO' && heldVerbs.has(effect.verb) && isOnApp(effect)) return 'hold';
  if (policy === 'RWC' && effect.verb === 'create' && heldObjects.has(effect.objectKind ?? '')) return 'hold';
  return 'deny';
}

const isMaskedSomewhere = ({ outputs, touched }: StatementFacts): boolean =>
  (outputs?.flatMap((output) => output.sources) ?? touched).some((source) =>
    masked.has(`${source.relation}.${source.column}`),
  );

interface Decided {
  readonly outcome: Outcome;
  readonly why: string;
}

const strictest = (decided: readonly Decided[]): Decided =>
  decided.reduce((left, right) => (rank[right.outcome] > rank[left.outcome] ? right : left), {
    outcome: 'allow',
    why: 'nothing against it',
  });

function decide(policy: PolicyKey, statements: readonly StatementFacts[]): Decided {
  const decided: Decided[] = [];
  for (const statement of statements) {
    for (const effect of statement.effects) {
      decided.push({ outcome: decideEffect(policy, effect), why: `${effect.verb} ${effect.resource}` });
    }
    for (const reason of statement.opaque) {
      const creates =
        policy === 'RWC' && reason === 'procedural-code' && statement.command.startsWith('CREATE');
      decided.push({ outcome: creates ? 'hold' : 'deny', why: `opaque: ${reason}` });
    }
    // PREPARE is refused for what no EXECUTE of it may do, and is held for nothing.
    if (statement.nameChange?.kind === 'prepare') {
      const body = decide(policy, [statement.nameChange.body]);
      if (body.outcome === 'deny') decided.push(body);
    }
    if (isMaskedSomewhere(statement)) decided.push({ outcome: 'masked', why: 'masked output' });
  }
  return strictest(decided);
}

/** What a session does with names, in the smallest way. */
class Names {
  readonly #bodies = new Map<string, StatementFacts>();

  resolve({ statements }: Analysis): readonly StatementFacts[] {
    return statements.map((statement) => {
      const { nameChange: change, nameUse: use } = statement;
      if (change?.kind === 'prepare') this.#bodies.set(`prepared ${change.name}`, change.body);
      if (change?.kind === 'declare') this.#bodies.set(`cursor ${change.name}`, change.body);
      if (use === null) return statement;
      const body = this.#bodies.get(`${use.kind} ${use.name}`);
      if (body === undefined) return { ...statement, opaque: ['unknown-name'] };
      const effects = use.rows === 'stored' ? effectsWhenStored(body) : body.effects;
      return {
        ...statement,
        effects: [...statement.effects, ...effects],
        opaque: [...statement.opaque, ...body.opaque],
        outputs: use.rows === 'returned' ? body.outputs : statement.outputs,
        touched: [...statement.touched, ...body.touched],
      };
    });
  }
}

async function run(text: string, policy: PolicyKey, analyst: Analyst, names: Names): Promise<Decided> {
  const analysis = await analyst.analyse(text);
  const { unacceptable } = analysis.intent;
  if (unacceptable !== null) return { outcome: 'deny', why: unacceptable.message };
  return decide(policy, names.resolve(analysis));
}

let server: TestServer;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  analyst = await server.analyst(await server.corpusDatabase(), { user: 'app_owner' });
});

afterAll(() => server.stop());

async function decideCase(one: Case): Promise<Decided> {
  const objects = one.existing_objects;
  // Copies need the original to be free of connections.
  if (objects !== undefined) await analyst.client.end();
  const own =
    objects === undefined
      ? analyst
      : await server.analyst(await server.database(objects, 'acdb'), { user: 'app_owner' });
  const names = new Names();
  const before: Decided[] = [];
  for (const text of one.session_before ?? []) before.push(await run(text, one.policy_key, own, names));
  const text = one.sql_bytes_hex === undefined ? one.sql : decodeText(Buffer.from(one.sql_bytes_hex, 'hex'));
  const decided =
    typeof text === 'string'
      ? await run(text, one.policy_key, own, names)
      : { outcome: 'deny' as const, why: text.message };
  if (objects !== undefined) {
    await own.client.end();
    analyst = await server.analyst('acdb', { user: 'app_owner' });
  }
  // Where a statement of the preparation is refused, the attack does not come to its point.
  const stopped = before.find((decision) => decision.outcome === 'deny');
  return rank[decided.outcome] < rank[one.expected] && stopped !== undefined ? stopped : decided;
}

const isAccepted = (one: Case, outcome: Outcome): boolean =>
  outcome === one.expected || one.acceptable?.includes(outcome) === true;

test('the attack corpus has no holes but those that the session closes, and no unknown friction', async () => {
  const holes: string[] = [];
  const friction: string[] = [];
  for (const one of cases) {
    const { outcome, why } = await decideCase(one);
    if (isAccepted(one, outcome)) continue;
    const isHole = rank[outcome] < rank[one.expected];
    const known = isHole ? closedBySession : knownFriction;
    const line = `${one.id} expects ${one.expected}, got ${outcome} (${why}): ${one.sql.slice(0, 100)}`;
    if (known.has(one.id)) continue;
    (isHole ? holes : friction).push(line);
  }
  expect({ holes, friction }).toEqual({ holes: [], friction: [] });
}, 120_000);
