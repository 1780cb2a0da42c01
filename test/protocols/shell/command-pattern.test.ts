import { expect, test } from '@jest/globals';
import {
  commandMatcher,
  commandPatternFault,
  readCommandLine,
} from '../../../services/protocols/shell/index.ts';

const rows: readonly (readonly [pattern: string, line: string, covered: boolean, touched: boolean])[] = [
  ['ls', 'ls -la /x', true, true],
  ['ls', '/bin/ls', true, true],
  ['ls', '/usr/local/bin/ls', true, true],
  ['ls', './ls', false, true],
  ['ls', '/tmp/ls', false, true],
  ['ls', 'lsof', false, false],
  ['ls*', 'lsof', true, true],
  ['git status', 'git status', true, true],
  ['git status', 'git status -s', false, true],
  ['git status', 'git', false, false],
  ['git status', 'git push', false, false],
  ['git *', 'git push', true, true],
  ['cat /var/log/*', 'cat /var/log/syslog', true, true],
  ['cat /var/log/*', 'cat /var/log/a/b', false, true],
  ['cat /var/log/**', 'cat /var/log/a/b', true, true],
  ['cat /var/log/**', 'cat /var/log/../../etc/shadow', false, true],
  ['cat /var/log/**', 'cat /var/log/..', false, true],
  ['cat /var/log/*', 'cat /var/log/a /etc/shadow', false, true],
  ['cat /var/log/*...', 'cat /var/log/a /var/log/b', true, true],
  ['cat /var/log/*...', 'cat /var/log/a /etc/shadow', false, true],
  ['cat /var/log/*', 'cat "$x"', false, true],
  ['cat /var/log/*', 'cat /var/log/"$x"', false, true],
  ['rm -rf', 'rm -v -rf x', false, true],
  ['rm -rf', 'rm $x', false, true],
  ['rm -rf', 'rm x', false, false],
  ['ls a.b', 'ls axb', false, false],
];

test.each(rows)('%s on %s', (pattern, line, covered, touched) => {
  const [command] = readCommandLine(line).commands;
  if (command === undefined) throw new Error('no command');
  expect(commandMatcher(pattern, 'allow')(command)).toBe(covered);
  expect(commandMatcher(pattern, 'deny')(command)).toBe(touched);
  expect(commandMatcher(pattern, 'hold')(command)).toBe(touched);
});

test.each(['', ' ls', 'ls  x', 'ls\tx', 'lé', 'cat x... y'])('%j is no pattern', (pattern) => {
  expect(commandPatternFault(pattern)).not.toBeNull();
});
test.each(['ls', 'git status', 'cat /var/log/*...', '> /tmp/**', '[ -f *'])('%j is a pattern', (pattern) => {
  expect(commandPatternFault(pattern)).toBeNull();
});
