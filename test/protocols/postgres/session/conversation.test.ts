/** Pipelines: what has failed in one of them breaks it off, up to its Sync, and touches no other. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { CheckpointSession } from '../../../../services/core/checkpoint/contract.ts';
import { Conversation } from '../../../../services/protocols/postgres/session/conversation.ts';
import type { Portal, PreparedStatement } from '../../../../services/protocols/postgres/session/names.ts';
import type { Run } from '../../../../services/protocols/postgres/session/run.ts';
import { TestGateway } from '../../../core/checkpoint/gateway.ts';
import { analyse, runOf } from './fixtures.ts';

let gateway: TestGateway;
let gate: CheckpointSession;
let conversation: Conversation;

beforeAll(async () => {
  gateway = await TestGateway.start();
  gate = gateway.session();
});
afterAll(() => gateway[Symbol.asyncDispose]());
beforeEach(() => {
  conversation = new Conversation();
});

const statement = (text = 'SELECT 1'): PreparedStatement => ({ text, parameterTypes: [], description: null });
const portalOf = (text = 'SELECT 1'): Portal & { readonly run: Run } => ({
  statement: statement(text),
  resultFormats: [],
  run: runOf(gate, text),
  resolved: analyse(text),
  described: true,
  fields: null,
  withHold: false,
});

/** Sends Parse and Bind of these names, as a client does. */
function prepareAndBind(name: string): Portal & { readonly run: Run } {
  const portal = portalOf();
  const { generation } = conversation;
  const parse = conversation.statements.change(name, statement(), generation);
  const bind = conversation.portals.change(name, portal, generation);
  conversation.expect({ kind: 'parse', change: parse });
  conversation.expect({ kind: 'bind', change: bind, run: portal.run });
  return portal;
}

function sync(): void {
  conversation.endPipeline();
  conversation.expect({ kind: 'sync' });
  conversation.generation += 1;
}

const owed = (): readonly string[] => conversation.awaited.map(({ kind }) => kind);

describe('after an error', () => {
  test('the rest of the pipeline never happened: its names are not there, its actions have failed', () => {
    const first = prepareAndBind('a');
    const second = prepareAndBind('b');
    expect(conversation.statements.find('b', 0)).toMatchObject({ text: 'SELECT 1' });
    sync();
    // The server answers Parse `a` and then with an error.
    const parsed = conversation.awaited.shift();
    if (parsed?.kind !== 'parse') throw new Error('Parse is answered first');
    conversation.statements.confirm(parsed.change);
    conversation.failPipeline('42703');
    expect(owed()).toEqual(['sync']);
    expect(['a', 'b'].map((name) => typeof conversation.statements.find(name, 1))).toEqual([
      'object',
      'string',
    ]);
    expect(conversation.portals.find('a', 1)).toBe('unknown');
    expect([first.run.ended, second.run.ended]).toEqual([true, true]);
    expect([conversation.statements.size, conversation.portals.size]).toEqual([1, 0]);
  });

  test('what the client says until its Sync is skipped, and what it says behind that is not', () => {
    prepareAndBind('a');
    expect(conversation.skips).toBe(false);
    conversation.failPipeline('42703');
    expect(conversation.skips).toBe(true);
    // Looked at before the error came in, sent after it: it need not travel.
    const late = conversation.statements.change('late', statement(), 0);
    expect(conversation.expect({ kind: 'parse', change: late })).toBe(false);
    expect(conversation.statements.find('late', 0)).toBe('unknown');
    sync();
    expect(conversation.skips).toBe(false);
    const next = conversation.statements.change('next', statement(), conversation.generation);
    expect(conversation.expect({ kind: 'parse', change: next })).toBe(true);
    expect(owed()).toEqual(['sync', 'parse']);
  });

  test('a pipeline that was sent behind it goes on', () => {
    prepareAndBind('a');
    sync();
    prepareAndBind('b');
    sync();
    conversation.failPipeline('42703');
    expect(owed()).toEqual(['sync', 'parse', 'bind', 'sync']);
    expect(conversation.skips).toBe(false);
    // Its own error breaks it off in turn.
    conversation.awaited.shift();
    conversation.pipelineAnswered();
    conversation.failPipeline('42703');
    expect(owed()).toEqual(['sync']);
    expect([conversation.statements.size, conversation.portals.size]).toEqual([0, 0]);
  });
});

describe('a message that never happens', () => {
  test('leaves a portal to be described again', () => {
    const portal = portalOf();
    conversation.neverHappens({ kind: 'describe-portal', portal, forClient: false }, null);
    expect(portal.described).toBe(false);
  });

  test('leaves what it would have closed, and what its statements would have changed', () => {
    conversation.confirm(conversation.changeStatement('p', statement()));
    const close = conversation.changeStatement('p', null);
    conversation.neverHappens({ kind: 'close', change: close }, null);
    expect(conversation.statements.find('p', 0)).toMatchObject({ text: 'SELECT 1' });
    const portal = portalOf();
    const change = conversation.changeStatement('p', null);
    conversation.neverHappens(
      { kind: 'execute', portal, run: portal.run, changes: [{ change, statement: 0 }] },
      '57014',
    );
    expect(conversation.statements.find('p', 0)).toMatchObject({ text: 'SELECT 1' });
    expect(portal.run.ended).toBe(true);
  });

  test('does not undo what a statement of the text has already done', () => {
    const run = runOf(gate, 'PREPARE p AS SELECT 1; SELECT 2');
    const done = conversation.changeStatement('p', statement());
    const open = conversation.changeStatement('q', statement());
    conversation.confirm(done);
    run.statementDone('PREPARE');
    const changes = [
      { change: done, statement: 0 },
      { change: open, statement: 1 },
    ];
    conversation.neverHappens({ kind: 'query', run, changes, dropped: null }, null);
    expect(conversation.statements.find('p', 0)).toMatchObject({ text: 'SELECT 1' });
    expect(conversation.statements.find('q', 0)).toBe('unknown');
  });
});

describe('the unnamed statement', () => {
  test('goes when a Query begins, unless the Query never happens', () => {
    expect(conversation.dropUnnamed()).toBeNull();
    conversation.confirm(conversation.changeStatement('', statement()));
    const dropped = conversation.dropUnnamed();
    expect(conversation.statements.find('', 0)).toBe('unknown');
    const run = runOf(gate, 'SELECT 1');
    conversation.neverHappens({ kind: 'query', run, changes: [], dropped }, null);
    expect(conversation.statements.find('', 0)).toMatchObject({ text: 'SELECT 1' });
  });

  test('goes also while it is not certain that it is there', () => {
    conversation.changeStatement('', statement());
    conversation.generation += 1;
    expect(conversation.dropUnnamed()).toMatchObject({ name: '', value: null });
    expect(conversation.statements.find('', 1)).toBe('unknown');
  });
});
