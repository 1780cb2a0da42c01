import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { commands } from '../../services/console/cli/command-table.ts';
import { rawControls, sallyport } from './cli.ts';

describe('help', () => {
  test('lists all commands and exit codes', async () => {
    const { status, stdout, stderr } = await sallyport(['--help']);
    expect([status, stderr]).toEqual([0, '']);
    // Renewed with UPDATE_GOLDEN=1, and read before it is committed: it is the first that people see.
    const golden = join(import.meta.dirname, 'help.golden.txt');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, stdout);
    expect(stdout).toBe(readFileSync(golden, 'utf8'));
  });

  test.each(commands.map(({ words }) => words))('%s says what it does, with examples', async (words) => {
    const { status, stdout, stderr } = await sallyport([...words.split(' '), '--help']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: sallyport ${words}( |\n)`));
    expect(stdout).toMatch(new RegExp(`\nExamples:\n  sallyport ${words}`));
    // A terminal has 100 columns; examples are copied, and not broken.
    const [options = ''] = stdout.split('\nExamples:');
    expect(options.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });

  test('is found in the ways that people try', async () => {
    const { stdout } = await sallyport(['holds', 'approve', '-h']);
    expect((await sallyport(['help', 'holds', 'approve'])).stdout).toBe(stdout);
    expect((await sallyport(['help'])).stdout).toBe((await sallyport(['--help'])).stdout);
  });

  test('tells the version', async () => {
    expect(await sallyport(['--version'])).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
  });
});

describe('a command line that is wrong', () => {
  test.each([
    [['hold'], "error: unknown command 'hold'\n(Did you mean holds?)\n"],
    [['holds', 'aprove', 'h_1'], "error: unknown command 'aprove'\n(Did you mean approve?)\n"],
    [['holds', 'approve'], "error: required option '--reason <text>' not specified\n"],
    [['holds', 'show'], "error: missing required argument 'id'\n"],
    [['holds', 'show', 'h_1', '--jsn'], "error: unknown option '--jsn'\n(Did you mean --json?)\n"],
    [['holds', 'ls', '--limit', '0'], 'It must be a whole number, 1 or more.\n'],
    [['sessions', 'replay', 's', '--speed', 'fast'], 'It must be a number over 0, or "max".\n'],
    [['trail', 'anchor'], "error: required option '--to <file>' not specified\n"],
  ])('%j is explained', async (args, told) => {
    const { status, stdout, stderr } = await sallyport(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.endsWith(told)).toBe(true);
  });

  test('TOK-061: with escapes in it does nothing to the terminal', async () => {
    const { status, stderr } = await sallyport(['x\u001b]0;pwned\u0007\u202e']);
    expect(status).toBe(2);
    expect(stderr).toBe("error: unknown command 'x⟨U+001B⟩]0;pwned⟨U+0007⟩⟨U+202E⟩'\n");
    expect(stderr).not.toMatch(rawControls);
  });

  test('that is none is answered with help', async () => {
    const nothing = await sallyport([]);
    expect([nothing.status, nothing.stderr]).toEqual([
      2,
      expect.stringMatching(/^Usage: sallyport <command>/),
    ]);
    const group = await sallyport(['holds']);
    expect([group.status, group.stderr]).toEqual([
      2,
      expect.stringMatching(/^Usage: sallyport holds <command>/),
    ]);
  });
});
