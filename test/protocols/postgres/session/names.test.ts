import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  everyName,
  type NameChanging,
  NameTable,
} from '../../../../services/protocols/postgres/session/names.ts';

describe('within one run up to Sync', () => {
  test('a change counts at once for what is sent behind it', () => {
    const table = new NameTable<string>();
    table.change('p', 'one', 0);
    expect(table.find('p', 0)).toBe('one');
    table.change('p', null, 0);
    expect(table.find('p', 0)).toBe('unknown');
    table.change('p', 'two', 0);
    table.change(everyName, null, 0);
    expect([table.find('p', 0), table.find('q', 0)]).toEqual(['unknown', 'unknown']);
    table.change('q', 'three', 0);
    expect([table.find('p', 0), table.find('q', 0)]).toEqual(['unknown', 'three']);
    expect(table.confirmed('p')).toBeUndefined();
  });
});

describe('between runs', () => {
  test('a change is uncertain until the server has answered, and then what the server says', () => {
    const table = new NameTable<string>();
    const first = table.change('p', 'one', 0);
    expect(table.find('p', 1)).toBe('uncertain');
    expect(table.find('other', 1)).toBe('unknown');
    table.confirm(first);
    expect([table.find('p', 1), table.confirmed('p')]).toEqual(['one', 'one']);
    const second = table.change('p', null, 1);
    expect(table.find('p', 2)).toBe('uncertain');
    table.drop(second);
    expect(table.find('p', 2)).toBe('one');
  });

  test('taking all names away makes every name uncertain', () => {
    const table = new NameTable<string>();
    table.confirm(table.change('p', 'one', 0));
    const all = table.change(everyName, null, 0);
    expect([table.find('p', 1), table.find('never seen', 1)]).toEqual(['uncertain', 'uncertain']);
    table.confirm(all);
    expect([table.find('p', 1), table.size]).toEqual(['unknown', 0]);
  });

  test('a later change of the same run hides that an earlier run is not answered', () => {
    const table = new NameTable<string>();
    table.change('p', 'one', 0);
    table.change('p', 'two', 1);
    expect(table.find('p', 1)).toBe('two');
    expect(table.find('p', 2)).toBe('uncertain');
  });
});

test('a name may be anything, also what looks like all of them', () => {
  const table = new NameTable<string>();
  for (const name of ['*', '', 'every name', '__proto__', 'constructor']) {
    expect(table.find(name, 0)).toBe('unknown');
    table.confirm(table.change(name, `value of ${name}`, 0));
  }
  table.confirm(table.change('*', null, 0));
  expect(table.find('', 0)).toBe('value of ');
  expect(table.find('__proto__', 0)).toBe('value of __proto__');
  expect(table.size).toBe(4);
});

test('what the server is known to have taken away goes, and what it still may make counts towards the limit', () => {
  const table = new NameTable<string>();
  for (const name of ['a', 'b', 'c']) table.confirm(table.change(name, `${name}!`, 0));
  table.change('d', 'd!', 0);
  expect(table.size).toBe(4);
  table.remove('a');
  table.removeWhere((value) => value === 'b!');
  expect(['a', 'b', 'c'].map((name) => table.find(name, 0))).toEqual(['unknown', 'unknown', 'c!']);
  expect(table.size).toBe(2);
});

test('a change that was dropped already is dropped no second time', () => {
  const table = new NameTable<string>();
  const first = table.change('p', 'one', 0);
  table.change('p', 'two', 0);
  table.drop(first);
  table.drop(first);
  expect([table.find('p', 0), table.size]).toEqual(['two', 1]);
});

type Message =
  | {
      readonly kind: 'change';
      readonly name: string | typeof everyName;
      readonly gives: boolean;
      readonly fails: boolean;
    }
  | { readonly kind: 'find'; readonly name: string }
  | { readonly kind: 'sync' };

/** PostgreSQL, as far as names go: one message after the other, and after an error nothing until Sync. */
class Server {
  readonly names = new Map<string, string>();
  #skipping = false;

  /** Null when the message is skipped; else what a `find` finds, or whether a change was made. */
  handle(message: Message, value: string): string | boolean | null {
    if (message.kind === 'sync') {
      this.#skipping = false;
      return true;
    }
    if (this.#skipping) return null;
    if (message.kind === 'find') return this.names.get(message.name) ?? 'unknown';
    if (message.fails) {
      this.#skipping = true;
      return false;
    }
    if (message.name === everyName) this.names.clear();
    else if (message.gives) this.names.set(message.name, value);
    else this.names.delete(message.name);
    return true;
  }
}

test('what is found is what the server finds, however far its answers lag behind', () => {
  const name = fc.constantFrom('', 'a', 'b');
  const message: fc.Arbitrary<Message> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('change' as const),
        name,
        gives: fc.boolean(),
        fails: fc.integer({ min: 0, max: 5 }).map((chance) => chance === 0),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('change' as const),
        name: fc.constant(everyName),
        gives: fc.constant(false),
        fails: fc.boolean(),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('find' as const), name }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'sync' as const }) },
  );
  let [certain, uncertain] = [0, 0];
  fc.assert(
    // After each message the server answers so many of those that it has not yet answered.
    fc.property(
      fc.array(fc.tuple(message, fc.constantFrom(0, 0, 0, 0, 2)), { minLength: 10, maxLength: 40 }),
      (moves) => {
        const table = new NameTable<string>();
        const server = new Server();
        const unanswered: {
          readonly message: Message;
          readonly value: string;
          readonly generation: number;
          readonly change: NameChanging<string> | null;
          readonly found: string | null;
        }[] = [];
        let generation = 0;
        const answer = (): void => {
          const next = unanswered.shift();
          if (next === undefined) return;
          const answered = server.handle(next.message, next.value);
          if (next.change !== null) {
            if (answered === true) table.confirm(next.change);
            else table.drop(next.change);
          }
          if (next.found === null || next.found === 'uncertain' || answered === null) return;
          expect(next.found).toBe(answered);
          certain += 1;
        };
        moves.forEach(([sent, answers], at) => {
          const value = `value ${at}`;
          let change: NameChanging<string> | null = null;
          let found: string | null = null;
          if (sent.kind === 'change') change = table.change(sent.name, sent.gives ? value : null, generation);
          if (sent.kind === 'find') {
            found = table.find(sent.name, generation);
            const earlier = unanswered.some((one) => one.change !== null && one.generation < generation);
            // Waiting costs time: only an answer that is really missing is waited for.
            if (!earlier) expect(found).not.toBe('uncertain');
            if (found === 'uncertain') uncertain += 1;
          }
          unanswered.push({ message: sent, value, generation, change, found });
          if (sent.kind === 'sync') generation += 1;
          for (let count = 0; count < answers; count += 1) answer();
        });
        while (unanswered.length > 0) answer();
        for (const one of ['', 'a', 'b']) {
          expect(table.find(one, generation + 1)).toBe(server.names.get(one) ?? 'unknown');
        }
        expect(table.size).toBe(server.names.size);
      },
    ),
    { numRuns: 500 },
  );
  // The test would say nothing if it only ever met one of the two.
  expect(certain).toBeGreaterThan(500);
  expect(uncertain).toBeGreaterThan(100);
});
