import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { freePort } from '../servers/postgres.ts';
import { KubernetesGateway } from './kubernetes-gateway.ts';

const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: dev}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: dev}
spec:
  nodeName: node1
  containers:
    - {name: c, image: x, stdin: true, command: [sh, -c, 'while read line; do echo "got $line"; done; sleep 600']}
`;

const policy = `
policies:
  - name: agents
    targets: [dev]
    rules:
      - {name: find-out, effects: [discover], outcome: allow}
      - {name: read, effects: [get, list, watch], resources: [pods], namespaces: [dev], outcome: allow}
      - name: look
        effects: [exec]
        resources: [pods/exec]
        namespaces: [dev]
        commands: [ls, cat, wc, sleep, seq, stty, tar, 'test', 'mkdir']
        outcome: allow
      - name: approve
        effects: [exec, interactive]
        commands: [touch]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 2m}
      - name: shells
        effects: [interactive]
        outcome: allow
      - name: never
        effects: [exec]
        commands: [rm]
        outcome: deny
        message: Nothing is deleted by exec.
        hint: Ask the platform team.
      - {name: attach, effects: [attach], outcome: allow}
      - {name: type, opaque: [unread-input], outcome: allow}
`;

const forwarding = `${policy}
      - {name: forward, effects: [port-forward], outcome: allow}
      - {name: bytes, opaque: [unread-stream], outcome: allow}
`;

let gateway: KubernetesGateway;
const exec = (...argv: readonly string[]) => gateway.kubectl(['exec', 'web-0', '--', ...argv]);

beforeAll(async () => {
  await envoyBinary();
  gateway = await KubernetesGateway.start({ policy, objects });
  const ready = ['wait', '-n', 'dev', '--for=condition=Ready', 'pod/web-0', '--timeout=30s'];
  expect((await gateway.cluster.kubectl(ready)).status).toBe(0);
}, 900_000);
afterAll(() => gateway?.[Symbol.asyncDispose]());

describe('kubectl exec', () => {
  test('runs what is allowed, with its output and exit status', async () => {
    const { stdout, stderr, status } = await exec('sh', '-c', 'seq 3; cat /nowhere');
    expect({ stdout, status }).toEqual({ stdout: '1\n2\n3\n', status: 1 });
    expect(stderr).toContain('/nowhere');
  });

  test('passes standard input on, and its end', async () => {
    const counted = await gateway.kubectl(['exec', '-i', 'web-0', '--', 'wc', '-c'], 'x'.repeat(300_000));
    expect({ ...counted, stdout: counted.stdout.trim() }).toMatchObject({ stdout: '300000', status: 0 });
  });

  test('carries megabytes', async () => {
    const { stdout, status } = await exec('seq', '500000');
    expect({ status, bytes: stdout.length }).toEqual({ status: 0, bytes: 3_388_895 });
  });

  test('prints once why what is refused is refused', async () => {
    const { stdout, stderr, status } = await exec('sh', '-c', 'ls | xargs rm -rf');
    expect(stdout).toBe('');
    expect(stderr).toContain('rm -rf ?');
    expect(stderr.match(/Nothing is deleted by exec\. Ask the platform team\./g)).toHaveLength(1);
    expect(status).toBe(1);
  });

  test('refuses what cannot be told, and says which', async () => {
    expect((await exec('sh', '-c', 'x=ls; $x')).stderr).toContain('expanded-name');
    expect((await exec('sh', 'script.sh')).stderr).toContain('script-file');
  });

  test('waits for a person', async () => {
    const file = join(gateway.folder, 'touched');
    const waiting = await gateway.startKubectl(['exec', 'web-0', '--', 'touch', file]);
    const hold = await gateway.nextHold();
    const shown = await gateway.cli(['holds', 'show', hold]);
    expect(shown.stdout).toContain(`would run: touch ${file}`);
    expect((await gateway.cli(['holds', 'approve', hold, '--reason', 'it is needed', '--yes'])).status).toBe(
      0,
    );
    expect((await waiting.finished).status).toBe(0);
    expect(await readFile(file, 'utf8')).toBe('');
  });

  test('has a terminal, with its size', async () => {
    const kubectl = await gateway.startKubectl(['exec', '-it', 'web-0', '--', 'sh'], { terminal: true });
    kubectl.write('stty size; ls -d /tmp; exit 3\n');
    const { stdout, status } = await kubectl.finished;
    expect(stdout).toMatch(/^\W*33 101\r?$/m);
    expect(stdout).toMatch(/^\/tmp\r?$/m);
    expect(status).toBe(3);
  });

  test('ends when a person ends its session', async () => {
    const running = await gateway.startKubectl(['exec', 'web-0', '--', 'sh', '-c', 'seq 1; sleep 300']);
    await running.until(/1/);
    const { stdout } = await gateway.cli(['sessions', 'ls', '--json'], 'sam', ['sre']);
    // The CLI's own form, which its tests hold.
    for (const { id } of JSON.parse(stdout) as readonly { readonly id: string }[]) {
      const killed = await gateway.cli(['sessions', 'kill', id, '--reason', 'enough'], 'sam', ['sre']);
      expect(killed.status).toBe(0);
    }
    const { stderr, status } = await running.finished;
    expect(status).toBe(1);
    expect(stderr).toContain('ended');
  });
});

test('kubectl cp goes both ways', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-cp-'));
  const there = join(gateway.folder, 'copied');
  await writeFile(join(folder, 'a'), 'some text\n');
  const up = await gateway.kubectl(['cp', join(folder, 'a'), `web-0:${there}`]);
  expect({ up, text: up.status === 0 ? await readFile(there, 'utf8') : '' }).toMatchObject({
    text: 'some text\n',
  });
  const down = await gateway.kubectl(['cp', `web-0:${there}`, join(folder, 'b')]);
  expect({ down, text: down.status === 0 ? await readFile(join(folder, 'b'), 'utf8') : '' }).toMatchObject({
    text: 'some text\n',
  });
  await rm(folder, { recursive: true });
});

test('kubectl attach speaks with what runs there', async () => {
  const attached = await gateway.startKubectl(['attach', '-i', 'web-0']);
  attached.write('hello\n');
  await attached.until(/got hello/);
  attached.process.kill('SIGTERM');
  await attached.finished;
});

describe('kubectl port-forward', () => {
  test('is not let through by an effect alone, and is by a rule on what nobody reads', async () => {
    const port = await freePort();
    const refused = await gateway.kubectl(['port-forward', 'web-0', `${port}:${gateway.port}`]);
    expect(refused.status).toBe(1);
    // kubectl tries again by SPDY, and prints what it is told then.
    expect(refused.stderr).toContain('(unread-stream), and no rule allows that');
    await gateway.replacePolicy(forwarding);
    const forward = await gateway.startKubectl(['port-forward', 'web-0', `${port}:${gateway.port}`]);
    await forward.until(/Forwarding from 127/);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = createConnection({ host: '127.0.0.1', port });
      socket.setEncoding('utf8').once('data', resolve).once('error', reject);
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 40/);
    forward.process.kill('SIGTERM');
    await forward.finished;
    await gateway.replacePolicy(policy);
  });
});

test('SPDY is refused in words that kubectl prints', async () => {
  const kubectl = await gateway.startKubectl(['exec', 'web-0', '--', 'ls'], {
    env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' },
  });
  const { stderr, status } = await kubectl.finished;
  expect(status).toBe(1);
  expect(stderr).toContain('goes over WebSocket here');
});

test('a ticket of one’s own opens nothing', async () => {
  const request = [
    'GET /k8s/dev/api/v1/namespaces/dev/pods/web-0/exec?command=rm HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
    'Sec-WebSocket-Protocol: v5.channel.k8s.io',
    `X-Sallyport-Stream: ${'A'.repeat(43)}`,
    'X-Sallyport-Stream-Process: only',
    '',
    '',
  ].join('\r\n');
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port: gateway.port });
    socket.setEncoding('utf8').once('data', resolve).once('error', reject);
    socket.write(request);
  });
  expect(answer).toMatch(/^HTTP\/1\.1 401/);
});

test('what went through is in the transcript, and how it ended in the trail', async () => {
  await exec('sh', '-c', 'seq 41 43; cat /nowhere');
  const { stdout } = await gateway.cli(['trail', 'show', '--json', '--kind', 'action-ended']);
  const last = stdout.trim().split('\n').at(-1) ?? '';
  expect(JSON.parse(last)).toMatchObject({ result: 'failed', errorCode: 'exit 1' });
  const { session } = JSON.parse(last) as { readonly session: string };
  const replayed = await gateway.cli(['sessions', 'replay', session, '--speed', '1000'], 'ann', ['audit']);
  expect(replayed.stdout).toContain('would run: seq 41 43');
  expect(replayed.stdout).toMatch(/^42$/m);
});

describe('clients of their own making', () => {
  const upgrade = (command: string, headers: readonly string[] = []): Promise<string> => {
    const request = [
      `GET /k8s/dev/api/v1/namespaces/dev/pods/web-0/exec?${command} HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${gateway.issuer.mint()}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      ...headers,
      '',
      '',
    ].join('\r\n');
    return new Promise((resolve, reject) => {
      let text = '';
      const socket = createConnection({ host: '127.0.0.1', port: gateway.port });
      socket.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        // Said in the stream; a client that answers the closing handshake would end it.
        if (text.includes('"code":403')) socket.destroy();
      });
      socket.once('error', reject).once('close', () => resolve(text));
      socket.write(request);
    });
  };
  const key = `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`;
  const v5 = 'Sec-WebSocket-Protocol: v5.channel.k8s.io';
  const close = 'Connection: close';

  test.each([
    ['no subprotocol', 'command=ls', [key, close], /no subprotocol that is carried/],
    [
      'one with a token in it',
      'command=ls',
      [key, 'Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.eA, v5.channel.k8s.io', close],
      /a token stands in/,
    ],
    ['no command', 'stdout=true', [key, v5, close], /no command is named/],
    ['a parameter that is not known', 'command=ls&stdin=maybe', [key, v5, close], /the parameter stdin/],
    ['a parameter twice', 'command=ls&tty=true&tty=false', [key, v5, close], /the parameter tty/],
    ['two containers', 'command=ls&container=a&container=b', [key, v5, close], /the parameter container/],
    ['a token in the query', 'command=ls&access_token=x', [key, v5, close], /a token stands in the query/],
  ] as const)('%s', async (_name, query, headers, expected) => {
    const answer = await upgrade(query, headers);
    expect(answer).toMatch(/^HTTP\/1\.1 4/);
    expect(answer).toMatch(expected);
  });

  test('argv in its order, of which all counts', async () => {
    const answer = await upgrade('command=sh&command=-c&command=rm%20x&command=ls', [key, v5]);
    expect(answer).toMatch(/^HTTP\/1\.1 101/);
    expect(answer).toContain('Nothing is deleted by exec.');
  });

  test('a handshake that is none leaves nothing behind', async () => {
    const answer = await upgrade('command=sleep&command=77', ['Sec-WebSocket-Key: short', v5]);
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
    const { stdout } = await gateway.cli(['trail', 'show', '--json', '--kind', 'action-ended']);
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ result: 'cut-off' });
  });
});

test('a container that is not there: what the cluster says is printed', async () => {
  const { stderr, status } = await gateway.kubectl(['exec', 'web-0', '-c', 'other', '--', 'ls']);
  expect(status).toBe(1);
  expect(stderr).toContain('container');
});
