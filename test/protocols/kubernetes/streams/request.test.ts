import { expect, test } from '@jest/globals';
import { readStreamRequest } from '../../../../services/protocols/kubernetes/streams/request.ts';

const exec = (...flags: readonly string[]) =>
  readStreamRequest('exec', [
    { name: 'command', value: 'ls' },
    ...flags.map((value) => ({ name: 'stdin', value })),
  ]);

test.each([
  ['true', true],
  ['1', true],
  ['True', true],
  ['TRUE', true],
  ['false', false],
  ['False', false],
  ['0', false],
])('stdin=%s is read as the API server reads it', (value, stdin) => {
  expect(exec(value)).toMatchObject({ stdin });
});

// To the API server all of these are true but the last, in which Go folds the long s.
test.each(['', 'f', 'no', '00', ' false', 'fal\u017fe'])('stdin=%j is refused', (value) => {
  expect(exec(value)).toMatchObject({ reason: 'unsupported' });
});

test('a flag that stands there twice is refused', () => {
  expect(exec('false', 'true')).toMatchObject({ reason: 'unsupported' });
  expect(exec()).toMatchObject({ stdin: false });
});
