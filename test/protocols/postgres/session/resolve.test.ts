/** Statements that run a name: they do what the name stands for when the server comes to them. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Conversation } from '../../../../services/protocols/postgres/session/conversation.ts';
import { nameChangesOf } from '../../../../services/protocols/postgres/session/name-changes.ts';
import { composedIntent, resolveNames } from '../../../../services/protocols/postgres/session/resolve.ts';
import type { Resolved } from '../../../../services/protocols/postgres/session/resolved.ts';
import type { Analysis, PostgresEffect } from '../../../../services/protocols/postgres/sql/analysis.ts';
import { nameKey } from '../../../../services/protocols/postgres/wire/body.ts';
import { analyse } from './fixtures.ts';

let conversation: Conversation;

beforeEach(() => {
  conversation = new Conversation();
});

/** The server has completed all statements of this text, in a run of its own. */
function done(text: string): void {
  for (const { change } of nameChangesOf(analyse(text), conversation)) conversation.confirm(change);
  conversation.generation += 1;
}

function resolved(text: string, from: (text: string) => Analysis | Promise<Analysis> = analyse): Resolved {
  const found = resolveNames(analyse(text), conversation, from);
  if (found === 'uncertain' || found instanceof Promise) throw new Error('it cannot be known yet');
  return found;
}

/** `select app.users(email); opaque ...; -> app.users.email`: what a text does and what comes out of its last statement. */
function said(text: string): string {
  const { intent, statements } = resolved(text);
  const effects = (intent.effects as readonly PostgresEffect[]).map(
    ({ verb, resource }) => `${verb} ${resource}`,
  );
  const outputs = statements
    .at(-1)
    ?.outputs?.map(({ sources }) => sources.map(({ column }) => column).join('+'));
  return [...effects, ...intent.opaque.map((reason) => `?${reason}`), `-> ${outputs?.join() ?? 'none'}`].join(
    ' ',
  );
}

test('a text that runs no name is passed through as it is', () => {
  const analysis = analyse('SELECT email FROM app.users; PREPARE p AS SELECT 1');
  expect(resolveNames(analysis, conversation, analyse)).toBe(analysis);
});

describe('EXECUTE does what was prepared', () => {
  beforeEach(() => done('PREPARE p AS SELECT email FROM app.users'));

  test.each([
    ['EXECUTE p', 'select app.users -> email'],
    ['EXECUTE q', '?unknown-name -> none'],
    ['EXPLAIN EXECUTE p', 'select app.users -> '],
    ['SELECT id FROM app.orders; EXECUTE p', 'select app.orders select app.users -> email'],
    // What stands before it in the same text is done before it.
    ['PREPARE q AS DELETE FROM app.orders; EXECUTE q', 'delete app.orders -> none'],
    ['DEALLOCATE p; PREPARE p AS SELECT id FROM app.orders; EXECUTE p', 'select app.orders -> id'],
    ['DEALLOCATE p; EXECUTE p', '?unknown-name -> none'],
    ['DEALLOCATE q; EXECUTE p', 'select app.users -> email'],
    ['DEALLOCATE ALL; EXECUTE p', '?unknown-name -> none'],
    ['DEALLOCATE ALL; PREPARE p AS SELECT id FROM app.orders; EXECUTE p', 'select app.orders -> id'],
    ['CLOSE ALL; EXECUTE p', 'select app.users -> email'],
  ])('%s: %s', (text, expected) => {
    expect(said(text).replace(/-> $/, '-> ')).toBe(expected);
  });

  test('DISCARD ALL takes it away, in the text and for good', () => {
    expect(said('DISCARD ALL; EXECUTE p')).toContain('?unknown-name');
    done('DISCARD ALL');
    expect(said('EXECUTE p')).toBe('?unknown-name -> none');
  });

  test('what is stored leaks through what it is stored in', () => {
    const { statements } = resolved('CREATE TABLE app.copy AS EXECUTE p');
    const conditions = statements.flatMap(({ effects }) =>
      effects.flatMap((effect) => effect.conditionColumns),
    );
    expect(conditions).toContain('app.users.email');
    // Rows that are only returned are masked on their way instead.
    expect(
      resolved('EXECUTE p').statements.flatMap(({ effects }) =>
        effects.flatMap((one) => one.conditionColumns),
      ),
    ).toEqual([]);
  });

  test('what is approved shows the text that runs, and is bound to what that touches', () => {
    const { intent } = resolved('EXECUTE p');
    expect(intent.text).toBe(
      'EXECUTE p\n-- with its prepared statements:\nEXECUTE p /* which is: */ SELECT email FROM app.users',
    );
    expect(intent.versions).toEqual(analyse('SELECT email FROM app.users').intent.versions);
    expect(intent.versions).not.toEqual([]);
    expect(resolved('EXECUTE p').statements[0]?.touched.map(({ column }) => column)).toContain('ssn');
  });

  test('it is analysed anew each time, since a view may mean something else by now', () => {
    const asked: string[] = [];
    resolved('EXECUTE p', (text) => {
      asked.push(text);
      return analyse('SELECT id FROM app.orders');
    });
    expect(asked).toEqual(['SELECT email FROM app.users']);
  });
});

describe('FETCH brings the rows of its cursor, which was decided when it was declared', () => {
  beforeEach(() => done('BEGIN; DECLARE c CURSOR FOR SELECT email FROM app.users'));

  test.each([
    ['FETCH ALL FROM c', '-> email'],
    ['FETCH ALL FROM d', '?unknown-name -> none'],
    ['DECLARE d CURSOR FOR SELECT id FROM app.orders; FETCH d', 'select app.orders -> id'],
    ['CLOSE c; FETCH c', '?unknown-name -> none'],
    ['CLOSE d; FETCH c', '-> email'],
    ['CLOSE ALL; FETCH c', '?unknown-name -> none'],
    ['DEALLOCATE ALL; FETCH c', '-> email'],
  ])('%s: %s', (text, expected) => {
    expect(said(text)).toBe(expected);
  });

  test('its rows come from what the cursor touches, so errors on the way may quote it', () => {
    const [fetch] = resolved('FETCH c').statements;
    expect(fetch?.touched.map(({ column }) => column)).toContain('ssn');
    expect(resolved('FETCH c').intent.versions).not.toEqual([]);
  });

  test('MOVE returns none of them', () => {
    expect(said('MOVE c')).toBe('-> none');
  });
});

test('names of the protocol and of SQL are the same names, byte for byte', () => {
  const statement = { text: 'SELECT id FROM app.orders', parameterTypes: [], description: null };
  // As Parse sends it: one character a byte.
  const change = conversation.changeStatement(Buffer.from('Übung', 'utf8').toString('latin1'), statement);
  conversation.confirm(change);
  expect(said('EXECUTE "Übung"')).toBe('select app.orders -> id');
  expect(said('EXECUTE "übung"')).toBe('?unknown-name -> none');
  // Without quotes PostgreSQL makes ASCII letters small, and no others.
  expect(said('EXECUTE ÜBUNG')).toBe('select app.orders -> id');
  done('PREPARE "Übung2" AS SELECT email FROM app.users');
  expect(conversation.statements.confirmed(nameKey('Übung2'))?.text).toBe('SELECT email FROM app.users');
});

test('a name that an earlier run still changes is waited for, one that this run changes is not', () => {
  const statement = { text: 'SELECT id FROM app.orders', parameterTypes: [], description: null };
  const change = conversation.changeStatement('p', statement);
  const execute = analyse('EXECUTE p');
  expect(resolveNames(execute, conversation, analyse)).not.toBe('uncertain');
  conversation.generation += 1;
  expect(resolveNames(execute, conversation, analyse)).toBe('uncertain');
  // A text that says itself what the name stands for need not wait.
  expect(said('DEALLOCATE ALL; PREPARE p AS SELECT email FROM app.users; EXECUTE p')).toContain('email');
  conversation.drop(change);
  expect(said('EXECUTE p')).toBe('?unknown-name -> none');
});

test('a name whose own text is still being analysed is tried again when that is done', async () => {
  done('PREPARE p AS SELECT email FROM app.users');
  const later = Promise.resolve(analyse('SELECT email FROM app.users'));
  expect(resolveNames(analyse('EXECUTE p'), conversation, () => later)).toBe(later);
});

test('statements that stand before the text count as a part of it', () => {
  const [prepare] = analyse('PREPARE p AS SELECT id FROM app.orders').statements;
  if (prepare === undefined) throw new Error('there is a statement');
  const found = resolveNames(analyse('EXECUTE p'), conversation, analyse, [prepare]);
  expect(found).toMatchObject({ intent: { effects: [{ verb: 'select', resource: 'app.orders' }] } });
});

test('the intent of a text without prepared statements keeps its text', () => {
  const { intent, statements } = analyse('SELECT id FROM app.orders');
  expect(composedIntent(intent, statements)).toEqual(intent);
});
