import { Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../../../services/core/model/clock.ts';
import { ByteSource } from '../../../../services/protocols/byte-source.ts';
import { askForToken } from '../../../../services/protocols/postgres/session/ask-for-token.ts';
import type { Greeting } from '../../../../services/protocols/postgres/session/greeting.ts';

const oauth = { issuerUrl: 'https://login.example.com', scope: 'openid', required: true };

test.each([
  ['a password', null],
  ['OAUTHBEARER', oauth],
])('from another machine and without TLS nobody is asked for %s', (_, form) => {
  const socket = new Socket();
  const bytes = new ByteSource(socket, systemClock, 60_000);
  const packet = { kind: 'startup', minor: 0, parameters: new Map() } as const;
  const greeting: Greeting = { socket, bytes, encrypted: false, serverName: null, certificate: null, packet };
  expect(() => askForToken(greeting, { ip: '192.0.2.7', port: 5 }, form)).toThrow(
    expect.objectContaining({ code: 'tls-required' }),
  );
  bytes.release();
});
