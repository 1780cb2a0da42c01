/** Nothing leaves before its record is in the kernel's hands: over a real trail. */
import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { maxWriteDelayMs } from '../../../../services/core/audit/limits.ts';
import type { CheckpointSession } from '../../../../services/core/checkpoint/contract.ts';
import { trailUnavailable } from '../../../../services/core/checkpoint/refusals.ts';
import { Conversation } from '../../../../services/protocols/postgres/session/conversation.ts';
import {
  Outbox,
  type Outgoing,
  refuseExtended,
  refuseQuery,
} from '../../../../services/protocols/postgres/session/outbox.ts';
import { refusalMessage } from '../../../../services/protocols/postgres/session/refusal.ts';
import type { Run } from '../../../../services/protocols/postgres/session/run.ts';
import { TestGateway } from '../../../core/checkpoint/gateway.ts';
import { runOf } from './fixtures.ts';

interface Written {
  readonly bytes: string;
  /** How many actions were on record when it was written. */
  readonly recorded: number;
}

function start(gateway: TestGateway) {
  const gate = gateway.session();
  const conversation = new Conversation();
  const written: Written[] = [];
  let sent = 0;
  let wrote = Promise.withResolvers<void>();
  const write = (bytes: Buffer): void => {
    const recorded = gateway.written().filter(({ kind }) => kind === 'action').length;
    written.push({ bytes: bytes.toString('latin1'), recorded });
    wrote.resolve();
    wrote = Promise.withResolvers<void>();
  };
  const outbox = new Outbox(gate, conversation, write, trailUnavailable(), () => {
    sent += 1;
  });
  return { gate, conversation, outbox, written, next: () => wrote.promise, sent: () => sent };
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const plain = (text: string, awaited: Outgoing['awaited'] = null): Outgoing => ({
  bytes: bytes(text),
  awaited,
  action: null,
});

/** A Query that carries an action. */
function acting(gate: CheckpointSession, text: string): Outgoing & { readonly run: Run } {
  const run = runOf(gate, 'SELECT 1');
  return {
    run,
    bytes: bytes(text),
    awaited: { kind: 'query', run, changes: [], dropped: null },
    action: { trace: null, refused: (deny) => refuseQuery(refusalMessage(deny), null) },
  };
}

test('messages of one turn wait for their records, and leave in order with one write', async () => {
  await using gateway = await TestGateway.start();
  const { gate, conversation, outbox, written, next, sent } = start(gateway);
  const messages = [
    plain('<parse>'),
    acting(gate, '<first>'),
    acting(gate, '<second>'),
    plain('<sync>', { kind: 'sync' }),
  ];
  for (const message of messages) outbox.add(message);
  expect([written, outbox.empty, conversation.awaited.length]).toEqual([[], false, 0]);
  await next();
  expect(written).toEqual([{ bytes: '<parse><first><second><sync>', recorded: 2 }]);
  expect(conversation.awaited.map(({ kind }) => kind)).toEqual(['query', 'query', 'sync']);
  expect([outbox.empty, sent()]).toEqual([true, 1]);
});

test('what comes in the next turn waits anew', async () => {
  await using gateway = await TestGateway.start();
  const { gate, outbox, written, next } = start(gateway);
  outbox.add(acting(gate, '<first>'));
  await next();
  outbox.add(acting(gate, '<second>'));
  expect(written).toHaveLength(1);
  await next();
  expect(written).toEqual([
    { bytes: '<first>', recorded: 1 },
    { bytes: '<second>', recorded: 2 },
  ]);
});

test('when the record cannot be written, a message that the server is made to refuse goes in its place', async () => {
  await using gateway = await TestGateway.start();
  const { gate, conversation, outbox, written, next } = start(gateway);
  await gateway.records();
  // Closes the trail's descriptor under its feet: a real EBADF.
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      const path = readlinkSync(`/proc/self/fd/${name}`);
      if (path.startsWith(gateway.folder.trail) && path.endsWith('.jsonl')) closeSync(Number(name));
    } catch {
      // The descriptor that listed the folder is gone by now.
    }
  }
  const action = acting(gate, '<delete>');
  for (const message of [plain('<parse>'), action, plain('<sync>', { kind: 'sync' })]) outbox.add(message);
  await next();
  const [{ bytes: sent, recorded } = { bytes: '', recorded: -1 }] = written;
  expect(written).toHaveLength(1);
  expect(recorded).toBe(0);
  expect(sent).not.toContain('<delete>');
  // The client still gets an answer for each of its messages, so what is not an action is sent.
  const refusal = refuseQuery(refusalMessage(trailUnavailable()), null);
  expect(sent).toBe(`<parse>${refusal.bytes.toString('latin1')}<sync>`);
  expect(conversation.awaited).toEqual([refusal.awaited, { kind: 'sync' }]);
  expect(action.run.ended).toBe(true);
});

test('what the server would skip after an error need not travel, and never happened', async () => {
  await using gateway = await TestGateway.start();
  const { gate, conversation, outbox, written, next, sent } = start(gateway);
  const late = acting(gate, '<late>');
  const after = acting(gate, '<after>');
  for (const message of [late, plain('<sync>', { kind: 'sync' }), after]) outbox.add(message);
  conversation.failPipeline('22012');
  await next();
  expect(written.map(({ bytes: text }) => text)).toEqual(['<sync><after>']);
  expect([late.run.ended, after.run.ended, sent()]).toEqual([true, false, 1]);
  gateway.clock.advance(maxWriteDelayMs);
  expect(await gateway.records('action-ended')).toMatchObject([
    { action: late.run.id, result: 'failed', errorCode: '22012' },
  ]);
});

test('a refusal makes the server fail without any effect, in the manner of the message that is refused', () => {
  const error = refusalMessage(trailUnavailable());
  const extended = refuseExtended(error);
  expect(extended.awaited).toEqual({ kind: 'refusal', error, query: false, dropped: null });
  // Execute of a portal that nobody can have bound.
  expect(extended.bytes.toString('latin1')).toMatch(/^E.{4}sallyport-refusal-[0-9a-f]{24}\0\0{4}$/s);
  const query = refuseQuery(error, null);
  expect(query.awaited).toEqual({ kind: 'refusal', error, query: true, dropped: null });
  expect(query.bytes.toString('latin1')).toMatch(/^Q.{4}sallyport refused .*\0$/s);
  for (const refusal of [extended, query]) {
    expect(refusal.action).toBeNull();
    expect(refusal.bytes.readUInt32BE(1)).toBe((refusal.bytes.length ?? 0) - 1);
  }
});
