import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readCommandLine, type ShellReading } from '../../services/protocols/shell/index.ts';

interface Case {
  readonly id: string;
  readonly class: string;
  readonly request: string;
  readonly why: string;
  readonly expected: 'allow' | 'hold' | 'deny';
  readonly acceptable: readonly string[];
}

// The corpus is our own file. Its other classes are about connections, which have no engine yet.
const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'ssh.json'), 'utf8')) as {
  readonly cases: readonly Case[];
};
const obfuscations = cases.filter((each) => each.class === 'shell-obfuscation');

/** The corpus' policy RO on commands: what is not on this list, or cannot be told, waits for a person. */
const allowed: readonly RegExp[] = [
  /^ls( [^-].*| -[al]+)*$/,
  /^cat( \/var\/log\/\S+)+$/,
  /^git (?:status|log|diff|fetch)$/,
  /^systemctl status \S+$/,
];

function outcome({ commands, files, opaque }: ShellReading): 'allow' | 'hold' {
  const isAllowed = commands.every(
    ({ name, args }) =>
      !args.includes(null) && allowed.some((pattern) => pattern.test([name, ...args].join(' '))),
  );
  return isAllowed && files.length === 0 && opaque.length === 0 && commands.length > 0 ? 'allow' : 'hold';
}

test.each(obfuscations.map((each) => [each.id, each.why, each] as const))('%s: %s', (_id, _why, each) => {
  expect(each.acceptable).toContain(outcome(readCommandLine(each.request)));
});

/** All that the corpus hides is seen for what it is, and not only held because it is not on a list. */
test.each(
  obfuscations.filter(
    ({ request }) => request.includes('rm -rf data') && !request.includes("'rm -rf data #'"),
  ),
)('$id: rm is found, or the line is opaque', ({ request }) => {
  const { commands, opaque } = readCommandLine(request);
  expect(commands.some(({ name }) => name === 'rm') || opaque.length > 0).toBe(true);
});
