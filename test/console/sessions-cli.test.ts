import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startApi } from '../../services/console/api/server.ts';
import type { Trail } from '../../services/core/model/trail-entry.ts';
import { action, intent, withParameters } from '../core/policy/actors.ts';
import { program, rawControls, sallyport, start } from './cli.ts';
import { startConsole, type TestConsole } from './gateway.ts';

let gateway: TestConsole;

beforeAll(async () => {
  gateway = await startConsole();
});

afterAll(async () => {
  await gateway.stop();
});

const as = (subject: string, ...groups: string[]) => ({
  env: { SALLYPORT_SOCKET: gateway.socketPath, SALLYPORT_TOKEN: gateway.token(subject, ...groups) },
});
const bob = () => as('bob', 'dba');
const olga = () => as('olga', 'sre');
const anna = () => as('anna', 'audit');

describe('sessions', () => {
  const recordedSession = async (): Promise<string> => {
    const session = gateway.session('agent-7', { actsFor: [{ issuer: gateway.issuer.url, subject: 'ada' }] });
    const text = 'SELECT id, email\n  FROM app.users -- \u202e\u001b[2J';
    const read = session.submit(
      withParameters(intent(['select app.users'], { text }), ['7', '\u0007']),
      null,
    );
    if (read.kind !== 'allow') throw new Error('it is not allowed');
    session.transcribe({
      kind: 'result',
      action: read.id,
      columns: ['id', 'e\u001b]0;mail'],
      rows: [
        ['1', 'a***@***.example'],
        ['2', '\u001b[6n'],
      ],
      status: 'SELECT 2',
    });
    session.submit(action(['drop app.users']), null);
    session.close('the client left');
    for (;;) {
      // The end of a transcript is written behind the event loop's back.
      const { stdout } = await sallyport(['sessions', 'show', session.id, '--json'], anna());
      if (stdout !== '' && JSON.parse(stdout).ended === true) return session.id;
    }
  };

  test('that are open are listed and ended', async () => {
    const { id } = gateway.session('agent-9');
    const { stdout } = await sallyport(['sessions', 'ls'], olga());
    expect(stdout).toMatch(/^SESSION +WHO +TARGET +FROM +OPENED +ACTIVE +ACTIONS\n/);
    expect(stdout).toMatch(
      new RegExp(`^${id}  agent-9 \\(agent\\) +shop +10\\.1\\.2\\.3:50000 +\\d+ s ago +\\d+ s ago +0$`, 'm'),
    );
    const kill = ['sessions', 'kill', id, '--reason', 'runs wild'];
    expect((await sallyport(kill, anna())).status).toBe(4);
    expect(await sallyport(kill, olga())).toMatchObject({ status: 0, stdout: `Session ${id} was ended.\n` });
    expect((await sallyport(kill, olga())).status).toBe(1);
    expect((await sallyport(['sessions', 'kill', id], olga())).status).toBe(2);
  });

  test('that were recorded are listed, shown and played back safely', async () => {
    const id = await recordedSession();
    const list = await sallyport(['sessions', 'ls', '--recorded', '--since', '1h'], anna());
    expect(list.stdout).toMatch(new RegExp(`^${id}  agent-7 \\(agent\\) for ada +shop .* ended$`, 'm'));
    const show = await sallyport(['sessions', 'show', id], anna());
    expect(show.stdout).toMatch(
      /^1 +0\.\d s +allow +shop\/read +SELECT id, email FROM app\.users -- ⟨U\+202E⟩⟨U\+001B⟩\[2J$/m,
    );
    expect(show.stdout).toMatch(/^2 +0\.\d s +deny$/m);
    const played = await sallyport(['sessions', 'replay', id, '--speed', 'max'], anna());
    expect(played.status).toBe(0);
    expect(played.stdout).toContain(`
shop=> SELECT id, email
shop->   FROM app.users -- ⟨U+202E⟩⟨U+001B⟩[2J
-- parameter 1: 7
-- parameter 2: ⟨U+0007⟩
-- allowed by shop/read
 id | e⟨U+001B⟩]0;mail
----+------------------
 1  | a***@***.example
 2  | ⟨U+001B⟩[6n
(2 rows)
SELECT 2
`);
    for (const { stdout, stderr } of [list, show, played]) expect(stdout + stderr).not.toMatch(rawControls);
    const entries = await sallyport(['sessions', 'show', id, '--entries'], anna());
    expect(entries.stdout).not.toMatch(rawControls);
    const kinds = entries.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).kind);
    expect(kinds).toEqual(['header', 'action', 'result', 'action', 'end']);
  });

  test('are played back with their pauses, at the speed that is asked for', async () => {
    const folder = join(gateway.stateDir, 'transcripts', '2026-01-01');
    await mkdir(folder, { recursive: true });
    const principal = { issuer: 'i', subject: 'a', kind: 'agent', actsFor: [] };
    const header = {
      kind: 'header',
      format: 'sallyport-transcript-1',
      session: 's_slow',
      principal,
      target: 'shop',
      protocol: 'sql',
      started: '2026-01-01T00:00:00.000Z',
    };
    const said = (ms: number, text: string) => ({ ms, kind: 'output', action: null, stream: 'notice', text });
    const lines = [header, said(0, 'first'), said(1500, 'second'), { ms: 1500, kind: 'end', linesLost: 0 }];
    await writeFile(join(folder, 's_slow.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const timed = async (speed: string): Promise<number> => {
      const run = start(program, ['sessions', 'replay', 's_slow', '--speed', speed], anna());
      await run.until(/first/);
      const fromMs = performance.now();
      await run.until(/second/);
      return performance.now() - fromMs;
    };
    expect(await timed('1')).toBeGreaterThan(1300);
    expect(await timed('3')).toBeLessThan(1000);
    expect((await sallyport(['sessions', 'replay', 's_slow', '--speed', '0'], anna())).status).toBe(2);
  });

  test('need the role', async () => {
    const { status, stderr } = await sallyport(['sessions', 'ls'], bob());
    expect([status, stderr]).toEqual([
      4,
      'error: bob is neither an operator nor an auditor of this gateway.\n' +
        'hint: Whoever keeps the gateway’s config names them under "console".\n',
    ]);
  });
});

describe('status and whoami', () => {
  test('status --health asks for no token, and tells only by its exit code', async () => {
    const { socketPath, options } = gateway;
    const healthOf = (socket: string) => sallyport(['status', '--health', '--socket', socket]);
    expect(await healthOf(socketPath)).toEqual({ status: 0, stdout: '', stderr: '' });
    const unwritable: Trail = {
      append: (entry) => options.trail.append(entry),
      afterCommit: (waiter) => options.trail.afterCommit(waiter),
      writable: false,
    };
    const full = await startApi({ ...options, socketPath: `${socketPath}.full`, trail: unwritable });
    try {
      expect(await healthOf(`${socketPath}.full`)).toEqual({ status: 1, stdout: '', stderr: '' });
    } finally {
      await full.close();
    }
    expect(await healthOf(`${socketPath}.absent`)).toMatchObject({ status: 5, stdout: '' });
  });

  test('are for people and for programs', async () => {
    const { stdout, status } = await sallyport(['status'], bob());
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^Sallyport 0\.0\.0-test, up since \S+ \S+ UTC\n {2}listener {2}inside: sql on 127\.0\.0\.1:0\n {2}policies {2}shop \(version \w+\), since .*\n {2}trail {5}writable\n {2}sessions {2}\d+ open\n {2}holds {5}\d+ open\n$/,
    );
    expect(JSON.parse((await sallyport(['status', '--json'], bob())).stdout)).toMatchObject({
      version: '0.0.0-test',
    });
    const who = await sallyport(['whoami'], olga());
    expect(who.stdout).toContain(`olga (${gateway.issuer.url})\n  groups  sre\n  roles   operator\n`);
    expect(JSON.parse((await sallyport(['whoami', '--json'], olga())).stdout)).toMatchObject({
      subject: 'olga',
    });
  });
});
