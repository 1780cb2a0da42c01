import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Finished, onTerminal, plain, rawControls, sallyport } from './cli.ts';
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

describe('holds', () => {
  test('are listed', async () => {
    const { id } = await gateway.hold({
      effects: Array.from({ length: 12 }, (_, index) => `delete app.t${index}`),
    });
    const { stdout, stderr, status } = await sallyport(['holds', 'ls'], bob());
    expect(status).toBe(0);
    expect(stdout).toMatch(/^HOLD +STATE +EXPIRES +ASKED BY +TARGET +EFFECTS +YOU\n/);
    expect(stdout).toMatch(
      new RegExp(`^${id}  open +in \\d+ s +agent-7 for ada +shop +delete app\\.t0.*… +may decide$`, 'm'),
    );
    expect(stderr).toContain('sallyport holds show h_');
    const json = await sallyport(['holds', 'ls', '--json', '--limit', '500'], bob());
    expect(JSON.parse(json.stdout)).toContainEqual(expect.objectContaining({ id, effectsLeftOut: 2 }));
    expect((await sallyport(['holds', 'ls'], as('eve'))).stdout).toBe('No open holds that you may see.\n');
  });

  test('TOK-047, TOK-049, TOK-061: are shown whole, and nothing in them hides or reaches the terminal', async () => {
    const text = [
      'DELETE FROM app.orders --\u202e 1 = di EREHW\u202c',
      `WHERE id = 1${' '.repeat(3000)}OR true`,
      ...Array(500).fill(''),
      '\t; DROP TABLE \u0430pp.users; \u001b]0;pwned\u0007\u001b[8m\u009b2J\u200b',
    ].join('\n');
    const parameters = ['7', null, 'x\r\n  $4 │ harmless', '\u001bP$qm\u001b\\'];
    const consequences = ['about 12,000 rows', 'trigger "a\u202eb" on app.orders runs app.log (plpgsql)'];
    const effects = ['delete app.orders', 'drop app.users'];
    const hold = await gateway.hold({
      text,
      parameters,
      effects,
      consequences,
      sessionState: 'SET ROLE\u200b x',
    });
    const { stdout } = await sallyport(['holds', 'show', hold.id], bob());
    expect(stdout).toContain(`\
  effects      delete app.orders
               drop app.users
  consequences about 12,000 rows
               trigger "a⟨U+202E⟩b" on app.orders runs app.log (plpgsql)
  set before   SET ROLE⟨U+200B⟩ x
`);
    expect(stdout).not.toMatch(rawControls);
    expect(
      stdout.slice(stdout.indexOf('Text:')),
    ).toBe(`Text: 503 lines, ${[...text].length.toLocaleString('en')} characters
  1 │ DELETE FROM app.orders --⟨U+202E⟩ 1 = di EREHW⟨U+202C⟩
  2 │ WHERE id = 1⟨3000 spaces⟩OR true
  3 │ ⟨500 blank lines⟩
503 │     ; DROP TABLE ⟨U+0430⟩pp.users; ⟨U+001B⟩]0;pwned⟨U+0007⟩⟨U+001B⟩[8m⟨U+009B⟩2J⟨U+200B⟩
Parameters
  $1 │ 7
  $2 is NULL
  $3
    1 │ x⟨U+000D⟩
    2 │   $4 ⟨U+2502⟩ harmless
  $4 │ ⟨U+001B⟩P$qm⟨U+001B⟩\\
14 characters are shown as code points ⟨U+…⟩: they cannot be seen, move other text about, or pass for other characters.

  digest       ${hold.digest}
`);
    const json = await sallyport(['holds', 'show', hold.id, '--json'], bob());
    expect(json.stdout).not.toMatch(rawControls);
    expect(JSON.parse(json.stdout)).toMatchObject({ text, parameters, digest: hold.digest });
  });

  test('are shown with all that an approval lets through beside them', async () => {
    const alsoApproves = [
      { digest: 'a'.repeat(64), text: 'DELETE /b\n- b\u202e', effects: ['delete pods b', 'delete pods c'] },
      { digest: 'b'.repeat(64), text: 'DELETE /d', effects: ['delete pods d'] },
    ];
    const hold = await gateway.hold({ command: 'kubectl delete 0c1f', alsoApproves });
    const { stdout } = await sallyport(['holds', 'show', hold.id], bob());
    expect(stdout).toContain('when it is sent again; and the 2 other actions below, once each\n');
    expect(stdout).toContain('  command      kubectl delete 0c1f (as the client calls it)\n');
    expect(stdout).toContain(`\
Also approves 2 other actions, once each
  1            delete pods b, delete pods c
               DELETE /b; - b⟨U+202E⟩
  2            delete pods d
               DELETE /d
1 character is shown as code points`);
    expect((await sallyport(['holds', 'ls'], bob())).stdout).toMatch(/COMMAND .*\n.*and 2 other actions/);
  });

  test('of one command are decided together, and no others', async () => {
    const command = 'kubectl apply 0c1f';
    const [first, second, other, stranger] = [
      await gateway.hold({ command, text: 'PATCH /a' }),
      await gateway.hold({ command, text: 'PATCH /b' }),
      await gateway.hold({ command: 'kubectl apply 0c20', text: 'PATCH /c' }),
      await gateway.hold({ command, text: 'PATCH /d', requester: { issuer: 'x', subject: 'agent-8' } }),
    ];
    const run = onTerminal(['holds', 'approve', second.id, '--reason', 'fine', '--together'], bob());
    const [question] = await run.until(/2 holds, as shown above\. Approve them all\? \[y\/N\] /);
    expect(question).toBeDefined();
    expect(plain(run.output)).toMatch(/PATCH \/b[\s\S]*PATCH \/a/);
    run.write('y\n');
    expect((await run.finished).status).toBe(0);
    const states = async () =>
      Promise.all(
        [first, second, other, stranger].map(async ({ id }) => (await gateway.approvals.show(id))?.state),
      );
    expect(await states()).toEqual(['approved', 'approved', 'open', 'open']);
    const none = await gateway.hold();
    const refused = await sallyport(
      ['holds', 'reject', none.id, '--reason', 'x', '--yes', '--together'],
      bob(),
    );
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toContain('says of no command');
    const both = [
      'holds',
      'approve',
      other.id,
      '--reason',
      'x',
      '--yes',
      '--together',
      '--digest',
      other.digest,
    ];
    expect((await sallyport(both, bob())).status).toBe(2);
    expect(await states()).toEqual(['approved', 'approved', 'open', 'open']);
  });

  test('TOK-049: of any size are shown to the last character', async () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `UPDATE app.orders SET n = ${index};`);
    const { id } = await gateway.hold({ text: lines.join('\n') });
    const { stdout } = await sallyport(['holds', 'show', id], bob());
    expect(lines.every((line) => stdout.includes(line))).toBe(true);
    expect(stdout).toContain('5000 │ UPDATE app.orders SET n = 4999;\n');
  });

  test('are approved by a person on a terminal, who is asked', async () => {
    const { id } = await gateway.hold();
    const run = onTerminal(['holds', 'approve', id, '--reason', 'ticket 42'], bob());
    const [question] = await run.until(
      /Text: 1 line, 22 characters, as shown above\. Approve it\? \[y\/N\] /,
    );
    expect(question).toBeDefined();
    expect(plain(run.output)).toContain('1 │ DELETE FROM app.orders');
    run.write('y\n');
    const { status, stdout } = await run.finished;
    expect(status).toBe(0);
    expect(plain(stdout)).toContain('Approved. agent-7 must send exactly the same again, and it runs.');
    expect(await gateway.approvals.show(id)).toMatchObject({
      state: 'approved',
      votes: [{ approver: { subject: 'bob' }, reason: 'ticket 42' }],
    });
  });

  test.each([
    ['says no', 'n\n', 1],
    ['presses Enter', '\n', 1],
    ['says something else', 'yep\n', 1],
    ['presses Ctrl-C', '\u0003', 130],
    ['presses Ctrl-D', '\u0004', 130],
  ])('are left alone by a person who %s', async (_, keys, status) => {
    const { id } = await gateway.hold();
    const run = onTerminal(['holds', 'approve', id, '--reason', 'x'], bob());
    await run.until(/\[y\/N\] /);
    run.write(keys);
    const finished = await run.finished;
    expect([finished.status, plain(finished.stdout).includes('Nothing was decided.')]).toEqual([
      status,
      true,
    ]);
    expect((await gateway.approvals.show(id))?.votes).toEqual([]);
  });

  test('on a terminal, lines too long for it go on under a mark of their own', async () => {
    const { id } = await gateway.hold({ text: `SELECT ${'x, '.repeat(60)}y` });
    const run = onTerminal(['holds', 'show', id], bob());
    const { stdout } = await run.finished;
    const shown = plain(stdout)
      .split('\n')
      .filter((line) => /^ ?1? [│┆] /.test(line));
    expect(shown.length).toBeGreaterThan(1);
    expect(shown.map((line) => line.slice(4)).join('')).toBe(`SELECT ${'x, '.repeat(60)}y`);
  });

  test('are not decided where nobody can be asked', async () => {
    const { id } = await gateway.hold();
    const { status, stderr } = await sallyport(['holds', 'approve', id, '--reason', 'x'], {
      ...bob(),
      input: 'y\n',
    });
    expect(status).toBe(2);
    expect(stderr).toContain('hint: Give --yes, once a person has seen the hold.');
    expect((await gateway.approvals.show(id))?.votes).toEqual([]);
  });

  test('are approved and rejected by scripts with --yes', async () => {
    const { id, digest } = await gateway.hold();
    const vote = (verb: string, ...more: string[]): Promise<Finished> =>
      sallyport(['holds', verb, id, '--reason', 'seen', '--yes', '--json', ...more], bob());
    const wrong = await vote('approve', '--digest', '0'.repeat(64));
    expect([wrong.status, wrong.stdout]).toEqual([1, '']);
    const approved = await vote('approve', '--digest', digest);
    expect(JSON.parse(approved.stdout)).toMatchObject({ approvalsLeft: 0, hold: { state: 'approved' } });
    const again = await vote('reject');
    expect([again.status, again.stderr]).toEqual([
      1,
      `error: Hold ${id} has been decided or withdrawn already.\n`,
    ]);
  });

  test('tell how many more must approve, and who cannot', async () => {
    const { id } = await gateway.hold({ approval: { quorum: 2 } });
    const approve = (who: ReturnType<typeof as>): Promise<Finished> =>
      sallyport(['holds', 'approve', id, '--reason', 'seen', '--yes'], who);
    expect((await approve(bob())).stdout).toContain(
      'Approved by you; 1 more person must approve before it runs.',
    );
    const requester = await approve(as('ada', 'dba'));
    expect([requester.status, requester.stderr]).toEqual([
      4,
      `error: Hold ${id} was asked for by you, or in your name: somebody else must decide it.\n`,
    ]);
    expect(
      (await sallyport(['holds', 'reject', id, '--reason', 'no', '--yes'], as('cleo', 'dba'))).stdout,
    ).toContain('Rejected. The client is told, with your reason.');
    const { stdout } = await sallyport(['holds', 'show', id], bob());
    expect(stdout).toMatch(
      / {2}approved {5}\S+ \S+ by bob \(http\S+\): seen\n {2}rejected {5}\S+ \S+ by cleo \(http\S+\): no\n/,
    );
  });

  test('that are not there, or not to be seen, are told alike', async () => {
    const { id } = await gateway.hold();
    for (const asked of [id, 'h_none', '../status', 'h_\u001b[31m']) {
      const { status, stderr } = await sallyport(['holds', 'show', asked], as('eve'));
      expect(status).toBe(1);
      expect(stderr).toMatch(/^error: There is no hold ".*", or you may not see it\.\nhint: /);
      expect(stderr).not.toMatch(rawControls);
    }
  });
});
