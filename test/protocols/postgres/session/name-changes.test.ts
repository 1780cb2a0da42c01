/** What a text does to the names of its session, as the conversation then has them. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Conversation } from '../../../../services/protocols/postgres/session/conversation.ts';
import { nameChangesOf } from '../../../../services/protocols/postgres/session/name-changes.ts';
import { everyName } from '../../../../services/protocols/postgres/session/names.ts';
import { analyse } from './fixtures.ts';

let conversation: Conversation;

beforeEach(() => {
  conversation = new Conversation();
});

const changesOf = (text: string) => nameChangesOf(analyse(text), conversation);

/** `1 statements p = SELECT 1`: the statement's place, the table, the name, what it stands for. */
const said = (text: string): readonly string[] =>
  changesOf(text).map(({ statement, change: { table, change } }) => {
    const { name, value } = change;
    const meaning = value === null ? 'gone' : 'text' in value ? value.text : value.statement.text;
    return `${statement} ${table} ${name === everyName ? 'all' : name} = ${meaning}`;
  });

test.each<[string, readonly string[]]>([
  ['SELECT 1; SELECT 2', []],
  ['PREPARE p AS SELECT id FROM app.users', ['0 statements p = SELECT id FROM app.users']],
  ['PREPARE p (int) AS SELECT $1 ; SELECT 1', ['0 statements p = SELECT $1']],
  ['DEALLOCATE p', ['0 statements p = gone']],
  ['DEALLOCATE ALL', ['0 statements all = gone']],
  ['DEALLOCATE "ALL"', ['0 statements ALL = gone']],
  ['BEGIN; DECLARE c CURSOR FOR SELECT id FROM app.users', ['1 portals c = SELECT id FROM app.users']],
  ['CLOSE c', ['0 portals c = gone']],
  ['CLOSE ALL', ['0 portals all = gone']],
  ['DISCARD ALL', ['0 statements all = gone', '0 portals all = gone']],
  ['DISCARD TEMP', []],
  [
    'DEALLOCATE p; PREPARE p AS SELECT 1; CLOSE c',
    ['0 statements p = gone', '1 statements p = SELECT 1', '2 portals c = gone'],
  ],
])('%s', (text, expected) => {
  expect(said(text)).toEqual(expected);
});

describe('changes count', () => {
  test('at once for the same run, and for later ones as the server confirms each statement', () => {
    const changes = changesOf('PREPARE p AS SELECT 1; PREPARE q AS SELECT 2');
    expect(conversation.statements.find('q', 0)).toMatchObject({ text: 'SELECT 2' });
    conversation.generation = 1;
    // The first statement was completed, the second has failed.
    const [first, second] = changes;
    if (first === undefined || second === undefined) throw new Error('there are two changes');
    conversation.confirm(first.change);
    conversation.drop(second.change);
    expect(conversation.statements.find('p', 1)).toMatchObject({ text: 'SELECT 1' });
    expect(conversation.statements.find('q', 1)).toBe('unknown');
  });

  test('for statements and portals apart', () => {
    for (const { change } of changesOf('PREPARE x AS SELECT 1; DECLARE x CURSOR FOR SELECT 2')) {
      conversation.confirm(change);
    }
    for (const { change } of changesOf('CLOSE ALL')) conversation.confirm(change);
    expect(conversation.portals.find('x', 0)).toBe('unknown');
    expect(conversation.statements.find('x', 0)).toMatchObject({ text: 'SELECT 1' });
  });
});

test('a cursor is a portal whose runs are actions of their own, and may outlive its transaction', () => {
  for (const { change } of changesOf(
    'DECLARE a CURSOR FOR SELECT id FROM app.users; DECLARE b CURSOR WITH HOLD FOR SELECT 1',
  )) {
    conversation.confirm(change);
  }
  expect(conversation.portals.confirmed('a')).toMatchObject({
    run: null,
    withHold: false,
    described: false,
    fields: null,
  });
  expect(conversation.portals.confirmed('b')?.withHold).toBe(true);
  conversation.portals.removeWhere((portal) => !portal.withHold);
  expect(conversation.portals.confirmed('a')).toBeUndefined();
  expect(conversation.portals.confirmed('b')).toBeDefined();
});
