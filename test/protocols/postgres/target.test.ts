import { describe, expect, test } from '@jest/globals';
import { postgres } from '../../../services/protocols/postgres/index.ts';
import { load } from '../../core/config/folder.ts';

/** A config whose only target has these keys, from line 12 on. */
const told = (...lines: readonly string[]) => {
  const { settings, told: problems } = load(
    `\
gateway:
  listeners: [{name: postgres, protocol: postgres, port: 5432}]
identity:
  issuers:
    - name: company
      url: https://login.example.com
      audience: sallyport
targets:
  - name: shop
    protocol: postgres
    database: shop
    user: gateway
${lines.map((line) => `    ${line}\n`).join('')}`,
    {},
    { protocols: [postgres] },
  );
  return {
    target: settings?.targets[0]?.settings,
    errors: problems.filter((each) => each.includes(' error: ')),
  };
};

describe('where the servers are', () => {
  test('one host, with the usual settings', () => {
    const { target, errors } = told('host: db.internal');
    expect(errors).toEqual([]);
    expect(target).toMatchObject({
      host: 'db.internal',
      port: 5432,
      furtherHosts: [],
      loadBalanceHosts: false,
      sessionAttributes: 'any',
      keepalive: { idleMs: 60_000, intervalMs: 10_000, count: 6 },
      tls: { mode: 'verify-full', channelBinding: 'prefer' },
    });
  });

  test('several hosts, with everything said', () => {
    const { target, errors } = told(
      'hosts: [{host: a.internal, port: 6432}, {host: b.internal}, {host: 10.0.0.3}]',
      'loadBalanceHosts: true',
      'targetSessionAttributes: prefer-standby',
      'keepalive: {idle: 2m, interval: 5s, count: 3}',
      'tls: {channelBinding: require}',
    );
    expect(errors).toEqual([]);
    expect(target).toMatchObject({
      host: 'a.internal',
      port: 6432,
      furtherHosts: [
        { host: 'b.internal', port: 5432 },
        { host: '10.0.0.3', port: 5432 },
      ],
      loadBalanceHosts: true,
      sessionAttributes: 'prefer-standby',
      keepalive: { idleMs: 120_000, intervalMs: 5_000, count: 3 },
      tls: { channelBinding: 'require' },
    });
  });
});

test.each<[string, readonly string[], readonly string[]]>([
  [
    'no host, and all else that is wrong',
    ['loadBalanceHosts: 5'],
    [
      '9:5: error: targets[0].host: is missing; or name several servers as "hosts"',
      '13:23: error: targets[0].loadBalanceHosts: must be true or false',
    ],
  ],
  [
    'both forms',
    ['host: a', 'port: 5433', 'hosts: [{host: b}]'],
    [
      '13:11: error: targets[0].host: must not stand beside "hosts": give one of them',
      '14:11: error: targets[0].port: must not stand beside "hosts": each of these has its own',
    ],
  ],
  ['an empty list', ['hosts: []'], ['13:12: error: targets[0].hosts: must not be an empty list']],
  [
    'the same server twice',
    ['hosts: [{host: a}, {host: a, port: 5432}]'],
    ['13:12: error: targets[0].hosts: must not name a server twice'],
  ],
  [
    'an unknown attribute',
    ['host: a', 'targetSessionAttributes: readwrite'],
    [
      '14:30: error: targets[0].targetSessionAttributes: must be one of any, read-write, read-only, primary, standby, prefer-standby; did you mean "read-write"?',
    ],
  ],
  [
    'keepalive in parts of a second',
    ['host: a', 'keepalive: {idle: 1500ms, interval: 0s, count: 0}'],
    [
      '14:23: error: targets[0].keepalive.idle: must be whole seconds, from 1s to 32767s',
      '14:41: error: targets[0].keepalive.interval: must be whole seconds, from 1s to 32767s',
      '14:52: error: targets[0].keepalive.count: must be at least 1',
    ],
  ],
  [
    'channel binding without TLS',
    ['host: a', 'tls: {mode: disable, channelBinding: require}'],
    ['14:42: error: targets[0].tls.channelBinding: binds to TLS, which mode "disable" leaves out'],
  ],
  [
    'channel binding without SCRAM',
    ['host: a', 'authentication: [md5]', 'tls: {channelBinding: require}'],
    [
      '15:27: error: targets[0].tls.channelBinding: is a part of scram-sha-256, which "authentication" leaves out',
    ],
  ],
])('%s', (_, lines, errors) => {
  expect(told(...lines).errors).toEqual(errors);
});
