import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readCommandLine, type ShellCommand } from '../../../services/protocols/shell/index.ts';
import { lines } from './lines.ts';
import { RealShell } from './real-shell.ts';
import { trickyLines } from './tricky-lines.ts';

const shells = {
  bash: new RealShell('bash'),
  dash: new RealShell('dash'),
  // What containers mostly have.
  'busybox ash': new RealShell('busybox', ['ash']),
};
afterAll(() => {
  for (const shell of Object.values(shells)) shell.remove();
});

/** An argument that only the shell can tell stands for any number of words. */
function agrees(args: ShellCommand['args'], words: readonly string[]): boolean {
  const [arg, ...others] = args;
  if (arg === undefined) return words.length === 0;
  if (arg === null)
    return words.some((_word, index) => agrees(others, words.slice(index))) || agrees(others, []);
  return words[0] === arg && agrees(others, words.slice(1));
}

/** What ran and was written without having been foretold. */
function surprises(shell: RealShell, line: string) {
  const reading = readCommandLine(line);
  if (reading.opaque.length > 0) return { ran: 0, commands: [], files: [] };
  const { commands, files } = shell.run(line);
  const written = reading.files.filter(({ access }) => access === 'write').map(({ path }) => path);
  return {
    ran: commands.length,
    commands: commands.filter(
      ([name, ...words]) =>
        !reading.commands.some((foretold) => foretold.name === name && agrees(foretold.args, words)),
    ),
    files: files.filter((file) => !written.includes(file) && !written.includes(null)),
  };
}

describe.each(Object.entries(shells))('%s', (_name, shell) => {
  test('runs of tricky lines what was foretold', () => {
    const surprising = trickyLines
      .map((line) => ({ line, ...surprises(shell, line) }))
      .filter(({ commands, files }) => commands.length + files.length > 0);
    expect(surprising).toEqual([]);
    const clear = trickyLines.filter((line) => readCommandLine(line).opaque.length === 0);
    expect(clear.length).toBeGreaterThan(trickyLines.length / 2);
  }, 120_000);

  test('runs what was foretold, or the line was opaque', () => {
    let ran = 0;
    fc.assert(
      fc.property(lines, (line) => {
        const { ran: count, ...others } = surprises(shell, line);
        ran += count;
        expect(others).toEqual({ commands: [], files: [] });
      }),
      // A new seed each run would find more, and fail for whoever happens to run it: longer runs are for those who change the reader.
      { numRuns: Number(process.env['SHELL_LINES'] ?? 400), seed: Number(process.env['SHELL_SEED'] ?? 5) },
    );
    expect(ran).toBeGreaterThan(100);
  }, 600_000);
});

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const escaped = (text: string): string => text.replaceAll(/[\\"$`]/g, '\\$&');

/** Each hides a command in a way of its own. */
const hidings: readonly ((inner: string) => string)[] = [
  (inner) => `ls; ${inner}`,
  (inner) => `ls | (${inner})`,
  (inner) => `{ ${inner}; }`,
  (inner) => `if ls; then ${inner}; fi`,
  (inner) => `for i in a; do ${inner}; done`,
  (inner) => `case x in *) ${inner};; esac`,
  (inner) => `f() { ${inner}; }; f`,
  (inner) => `echo $(${inner})`,
  (inner) => `echo "a$(${inner})"`,
  (inner) => `echo \`${inner.replaceAll(/[\\`$]/g, '\\$&')}\``,
  (inner) => `cat <(${inner})`,
  (inner) => `cat <<E\n$(${inner})\nE\n`,
  (inner) => `x=$(${inner}); ls`,
  (inner) => `x=(a $(${inner}))`,
  (inner) => `sh -c ${quoted(inner)}`,
  (inner) => `env bash -lc "${escaped(inner)}"`,
  (inner) => `sudo -u x sh -c ${quoted(inner)}`,
  (inner) => `eval ${quoted(inner)}`,
  (inner) => `trap ${quoted(inner)} EXIT`,
  (inner) => `bash <<< ${quoted(inner)}`,
  (inner) => `sh <<'END'\n${inner}\nEND\n`,
  (inner) => `find . -exec sh -c ${quoted(inner)} \\;`,
  (inner) => `timeout 5 nice busybox sh -c ${quoted(inner)}`,
  (inner) => `watch ${quoted(inner)}`,
  (inner) => `echo ${quoted(inner)} | sh`,
];

test('a command is found at any depth, or the line is opaque', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...hidings), { maxLength: 6 }), (around) => {
      const line = around.reduce((inner, hide) => hide(inner), 'needle -x');
      const { commands, opaque } = readCommandLine(line);
      const isFound = commands.some(({ name, args }) => name === 'needle' && args[0] === '-x');
      if (isFound && opaque.length === 0) found += 1;
      expect(isFound || opaque.length > 0).toBe(true);
    }),
    { numRuns: 2_000 },
  );
  expect(found).toBeGreaterThan(500);
});

test('no text makes the reader fail', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), lines), (text) => {
      expect(readCommandLine(text)).toBeDefined();
    }),
    { numRuns: 1_000 },
  );
});
