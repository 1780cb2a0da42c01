import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startOidcProvider, type TestOidcProvider, testConsoleAudience } from '../servers/issuer.ts';
import { program, sallyport, start } from './cli.ts';
import { startConsole, type TestConsole } from './gateway.ts';

let gateway: TestConsole;
let home: string;

beforeAll(async () => {
  gateway = await startConsole();
  home = await mkdtemp(join(tmpdir(), 'sallyport-home-'));
});

afterAll(async () => {
  await gateway.stop();
  await rm(home, { recursive: true });
});

const as = (subject: string, ...groups: string[]) => ({
  env: { SALLYPORT_SOCKET: gateway.socketPath, SALLYPORT_TOKEN: gateway.token(subject, ...groups) },
});
const bob = () => as('bob', 'dba');

describe('without a gateway, or a token', () => {
  test('it is said what is missing and what to do', async () => {
    const { status, stderr, stdout } = await sallyport(['holds', 'ls'], {
      env: { SALLYPORT_SOCKET: gateway.socketPath },
    });
    expect({ status, stdout, stderr }).toEqual({
      status: 4,
      stdout: '',
      stderr: 'error: You are not logged in.\nhint: Log in: sallyport login -c FILE\n',
    });
  });

  test('it is said that nobody listens', async () => {
    const { status, stderr } = await sallyport(['whoami', '--socket', join(home, 'none.sock')], bob());
    expect(status).toBe(5);
    expect(stderr).toBe(
      `error: The gateway cannot be reached at ${join(home, 'none.sock')}: nobody listens there.\n` +
        'hint: Is it running? "sallyport up -c FILE" starts it; -c FILE or --socket says where it is.\n',
    );
  });

  test('TOK-035: with an agent’s token, it is said why that is none', async () => {
    const { status, stderr } = await sallyport(['holds', 'ls'], {
      env: { SALLYPORT_SOCKET: gateway.socketPath, SALLYPORT_TOKEN: gateway.issuer.mint() },
    });
    expect(status).toBe(4);
    expect(stderr).toContain(
      'error: The token is not for this use of the gateway: its audience (aud) must be',
    );
    expect(stderr).toContain('hint: Log in with "sallyport login"');
  });

  test('the gateway is found by the config, or by the default state folder', async () => {
    const folder = await mkdtemp(join(home, 'config-'));
    const { SALLYPORT_TOKEN } = bob().env;
    const options = { cwd: folder, env: { SALLYPORT_TOKEN } };
    expect((await sallyport(['whoami'], options)).stderr).toContain(
      join(folder, 'sallyport-state/run/console.api.sock'),
    );
    await writeFile(join(folder, 'other.yaml'), `gateway: {stateDir: ${gateway.stateDir}}\n`);
    expect((await sallyport(['whoami', '-c', 'other.yaml'], options)).status).toBe(0);
    await writeFile(join(folder, 'sallyport.yaml'), 'gateway: {stateDir: 7}\n');
    const broken = await sallyport(['whoami'], options);
    expect(broken.status).toBe(2);
    expect(broken.stderr).toContain('sallyport.yaml:1:21: error: gateway.stateDir: must be text');
  });
});

describe('login', () => {
  let provider: TestOidcProvider;
  let config: string;

  beforeAll(async () => {
    provider = await startOidcProvider({ people: { alice: { groups: ['dba'] } } });
    config = join(home, 'login.yaml');
    await writeFile(
      config,
      `identity:
  issuers:
    - {name: company, url: "${provider.url}", audience: none, consoleAudience: "${testConsoleAudience}", loginClientId: sallyport-cli}
`,
    );
  });

  afterAll(() => provider.stop());

  const env = () => ({ SALLYPORT_HOME: join(home, 'alice'), SALLYPORT_SOCKET: gateway.socketPath });
  const startLogin = async (args: readonly string[]) => {
    const run = start(program, ['login', ...args], { env: env() });
    const [, code = ''] = await run.until(/enter the code (\S+)/);
    return { run, code };
  };

  test('shows a code, waits for the person, and keeps the token for this user alone', async () => {
    const { run, code } = await startLogin(['-c', config]);
    expect(run.output).toContain(`Open ${provider.url}/device and enter the code ${code}\n`);
    await provider.confirmLogin(code, 'alice');
    const { status, stdout, stderr } = await run.finished;
    expect(status).toBe(0);
    const file = join(home, 'alice', 'token.json');
    expect(stdout).toMatch(
      /Logged in until \S+ \S+ UTC\. The token is in .*token\.json; "sallyport whoami" tells as whom\.\n$/,
    );
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(home, 'alice'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(home, 'alice'))).toEqual(['token.json']);
    const { token } = JSON.parse(await readFile(file, 'utf8'));
    expect(stdout + stderr).not.toContain(token);
    // It is sent to the gateway, which does not know this issuer.
    const who = await sallyport(['whoami'], { env: env() });
    expect([who.status, who.stderr]).toEqual([
      4,
      expect.stringContaining('issuer (iss) is not one that this gateway trusts'),
    ]);
    const out = await sallyport(['logout'], { env: env() });
    expect(out.stdout).toBe(`Logged out: ${file} is gone.\n`);
    expect((await sallyport(['whoami'], { env: env() })).stderr).toContain('You are not logged in.');
    expect((await sallyport(['logout'], { env: env() })).stdout).toBe('You were not logged in.\n');
  });

  test('needs no config', async () => {
    const { run, code } = await startLogin([
      '--issuer',
      provider.url,
      '--client-id',
      'sallyport-cli',
      '--audience',
      testConsoleAudience,
    ]);
    await provider.refuseLogin(code);
    const { status, stderr } = await run.finished;
    expect([status, stderr]).toEqual([4, expect.stringContaining('error: The login was refused.\n')]);
  });

  test('is called off by Ctrl-C', async () => {
    const { run } = await startLogin(['-c', config]);
    run.process.kill('SIGINT');
    expect(await run.finished).toMatchObject({
      status: 130,
      stderr: expect.stringContaining('The login was called off.'),
    });
  });

  test.each([
    [
      ['--issuer', 'https://x.example', '--client-id', 'x'],
      'Without a config, --issuer, --client-id and --audience are all needed.',
    ],
    [
      ['--issuer', 'http://x.example', '--client-id', 'x', '--audience', 'y'],
      '--issuer http://x.example must begin with https://',
    ],
    [
      ['-c', 'CONFIG', '--issuer', 'other'],
      'has no issuer "other" by which people can log in; it has company.',
    ],
    [['-c', '/nonexistent.yaml'], '/nonexistent.yaml:1:1: error: The file does not exist.'],
  ])('with %j is a mistake that is explained', async (args, told) => {
    const { status, stderr } = await sallyport(
      ['login', ...args.map((word) => word.replace('CONFIG', config))],
      { env: env() },
    );
    expect(status).toBe(2);
    expect(stderr).toContain(told);
  });

  test('is not believed when others could have read the token, or it has expired', async () => {
    const file = join(home, 'bob', 'token.json');
    await mkdir(join(home, 'bob'), { mode: 0o700 });
    const stored = (expiresAtMs: number) =>
      JSON.stringify({ format: 'sallyport-token-1', issuer: 'i', token: 'x', expiresAtMs });
    const whoami = () =>
      sallyport(['whoami'], {
        env: { SALLYPORT_HOME: join(home, 'bob'), SALLYPORT_SOCKET: gateway.socketPath },
      });
    await writeFile(file, stored(Date.now() + 60_000), { mode: 0o644 });
    expect(await whoami()).toMatchObject({ status: 4, stderr: expect.stringContaining(`chmod 600 ${file}`) });
    await rm(file);
    await writeFile(file, stored(Date.now() - 1), { mode: 0o600 });
    expect(await whoami()).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('Your token expired at '),
    });
    await rm(file);
    await writeFile(file, '{}', { mode: 0o600 });
    expect(await whoami()).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('is not a token file of this version'),
    });
  });
});
