import { expect, test } from '@jest/globals';
import { smallest, smallestFiles } from './configs.ts';
import { load } from './folder.ts';

/** What is put into the smallest config, and all that is told of it then. */
interface Case {
  readonly replace: string;
  readonly by: string;
  readonly told: readonly string[];
}

const listener = '      port: 5432\n';
const issuer = '      audience: sallyport\n';
const target = '    host: db.internal\n';
const end = '  - policies/*.yaml\n';

/** Lines after those of the smallest config: listeners end at 5, the issuer at 10, the target at 15, all at 17. */
const after = (line: string, added: string, ...told: string[]): Case => ({
  replace: line,
  by: `${line}${added}\n`,
  told,
});
const instead = (replace: string, by: string, ...told: string[]): Case => ({ replace, by, told });

const cases: Readonly<Record<string, Case>> = {
  // Keys
  'an unknown key, with the nearest known one': after(
    listener,
    '      adress: 1.2.3.4',
    '6:7: error: gateway.listeners[0].adress: unknown key; did you mean "address"?',
  ),
  'an unknown key like no other': after(
    listener,
    '      zzz: 1',
    '6:7: error: gateway.listeners[0].zzz: unknown key; known are name, protocol, address, port, tls, oauth, sources, maxConnections, connectionsPerSecond, idleTimeout',
  ),
  'an OAuth issuer that is not there, with the nearest': after(
    listener,
    '      oauth: {issuer: compny, scope: openid}',
    '6:23: error: gateway.listeners[0].oauth.issuer: is none of identity.issuers; did you mean "company"?',
  ),
  'OAuth scopes with two spaces between them': after(
    listener,
    '      oauth: {issuer: company, scope: "openid  sallyport"}',
    '6:39: error: gateway.listeners[0].oauth.scope: must be OAuth scopes with one space between two',
  ),
  'an unknown section': after(end, 'audits: {}', '18:1: error: audits: unknown key; did you mean "audit"?'),
  'an unknown key of a protocol': after(
    target,
    '    pasword: env:X',
    '15:5: error: targets[0].pasword: unknown key; did you mean "password"?',
  ),
  'an unknown key deep in a protocol': after(
    target,
    '    tls: {mod: require}',
    '15:11: error: targets[0].tls.mod: unknown key; did you mean "mode"?',
  ),
  'a key of another protocol': after(
    target,
    '    maxBody: 1MiB',
    '15:5: error: targets[0].maxBody: unknown key; known are name, protocol, host, port, password, tls, connectTimeout',
  ),
  'a key with an escape in it': after(
    end,
    '"\\e[31m": 1',
    '18:1: error: "\\u001b[31m": unknown key; known are gateway, identity, targets, policies, approvals, audit, console, limits',
  ),
  'a key twice': after(
    listener,
    '      port: 1',
    '6:7: error: The key "port" stands in this section already.',
  ),
  'a key twice, and whatever else is wrong': after(
    listener,
    '      port: 1\n      prot: 2',
    '6:7: error: The key "port" stands in this section already.',
    '7:7: error: gateway.listeners[0].prot: unknown key; did you mean "port"?',
  ),
  'a missing key': instead(listener, '', '3:7: error: gateway.listeners[0].port: is missing'),
  'a missing key of a protocol': instead(target, '', '12:5: error: targets[0].host: is missing'),
  'a missing section': instead(
    'gateway:\n  listeners:\n    - name: postgres\n      protocol: postgres\n      port: 5432\n',
    '',
    '1:1: error: gateway: is missing',
  ),
  'a section without anything in it': after(
    end,
    'audit:',
    '18:1: error: audit: has no value; give it one, or take the key out',
  ),
  'gateway without listeners': instead(
    '  listeners:\n    - name: postgres\n      protocol: postgres\n      port: 5432\n',
    '  envoy: {}\n',
    '1:1: error: gateway.listeners: is missing',
  ),

  // Types
  'text for a number': instead(
    'port: 5432',
    'port: "5432"',
    '5:13: error: gateway.listeners[0].port: must be a number',
  ),
  'a fraction': instead(
    'port: 5432',
    'port: 54.32',
    '5:13: error: gateway.listeners[0].port: must be a whole number',
  ),
  'too large a number': instead(
    'port: 5432',
    'port: 65536',
    '5:13: error: gateway.listeners[0].port: must be at most 65535',
  ),
  'a negative number': instead(
    'port: 5432',
    'port: -1',
    '5:13: error: gateway.listeners[0].port: must be at least 0',
  ),
  'a number for text': instead(
    'audience: sallyport',
    'audience: 7',
    '10:17: error: identity.issuers[0].audience: must be text; put it in quotes',
  ),
  'empty text': instead(
    'audience: sallyport',
    'audience: ""',
    '10:17: error: identity.issuers[0].audience: must not be empty',
  ),
  'text for a list': instead(
    '  - policies/*.yaml',
    '  policies/*.yaml',
    '17:3: error: policies: must be a list',
  ),
  'text for a section': instead(
    issuer,
    `${issuer}      claims: sub\n`,
    '11:15: error: identity.issuers[0].claims: must be a section with keys',
  ),
  'an empty list': after(
    issuer,
    '      algorithms: []',
    '11:19: error: identity.issuers[0].algorithms: must not be an empty list',
  ),
  'yes for true': after(
    end,
    'audit: {transcripts: {enabled: yes}}',
    '18:32: error: audit.transcripts.enabled: must be true or false',
  ),

  // Durations and sizes
  'a duration without a unit': after(
    listener,
    '      idleTimeout: 30',
    '6:20: error: gateway.listeners[0].idleTimeout: must be a duration such as 30s, 5m, 2h or 1d',
  ),
  'a duration with another unit': after(
    listener,
    '      idleTimeout: 30 minutes',
    '6:20: error: gateway.listeners[0].idleTimeout: must be a duration such as 30s, 5m, 2h or 1d',
  ),
  'a duration for ever': after(
    listener,
    '      idleTimeout: 999999999999d',
    '6:20: error: gateway.listeners[0].idleTimeout: must be at most 3650d',
  ),
  'an idle time-out under which no hold could live': after(
    listener,
    '      idleTimeout: 30s',
    '6:20: error: gateway.listeners[0].idleTimeout: must be at least 1m, or it would close connections that wait for an approval',
  ),
  'a size in decimal units': after(
    end,
    'audit: {segmentSize: 16MB}',
    '18:22: error: audit.segmentSize: must be a size such as 512KiB, 16MiB or 1GiB, or a number of bytes',
  ),
  'a size out of range': after(
    end,
    'audit: {segmentSize: 1KiB}',
    '18:22: error: audit.segmentSize: must be from 1MiB to 16GiB',
  ),
  'a size beyond all': after(
    end,
    'audit: {transcripts: {maxSessionSize: 999999999999GiB}}',
    '18:39: error: audit.transcripts.maxSessionSize: must be at most 1024GiB',
  ),

  // Secrets and files
  'a literal secret': instead(
    'env:DB_PASSWORD',
    'hunter2',
    '15:15: error: targets[0].password: must be a reference to a secret, env:NAME or file:PATH: a secret itself is never written into this file',
  ),
  'a variable that is not set': instead(
    'env:DB_PASSWORD',
    'env:NOBODY',
    '15:15: error: targets[0].password: the environment variable NOBODY is not set',
  ),
  'a variable that is empty': instead(
    'env:DB_PASSWORD',
    'env:EMPTY',
    '15:15: error: targets[0].password: the environment variable EMPTY is empty',
  ),
  'no name of a variable': instead(
    'env:DB_PASSWORD',
    'env:DB-PASSWORD',
    '15:15: error: targets[0].password: must be a reference to a secret, env:NAME or file:PATH: a secret itself is never written into this file',
  ),
  'a secret file that is not there': instead(
    'env:DB_PASSWORD',
    'file:secrets/db',
    '15:15: error: targets[0].password: the file DIR/secrets/db does not exist',
  ),
  'a secret file that is a folder': instead(
    'env:DB_PASSWORD',
    'file:policies',
    '15:15: error: targets[0].password: the file DIR/policies is not a regular file',
  ),
  'a secret file that is a device': instead(
    'env:DB_PASSWORD',
    'file:/dev/zero',
    '15:15: error: targets[0].password: the file /dev/zero is not a regular file',
  ),
  'a secret file that is empty': instead(
    'env:DB_PASSWORD',
    'file:empty',
    '15:15: error: targets[0].password: the file DIR/empty is empty',
  ),
  'a NUL in a path': instead(
    'env:DB_PASSWORD',
    '"file:a\\0b"',
    '15:15: error: targets[0].password: must be a reference to a secret, env:NAME or file:PATH: a secret itself is never written into this file',
  ),
  'a file without file:': after(
    target,
    '    tls: {ca: ca.pem}',
    '15:15: error: targets[0].tls.ca: must be a reference to a file, such as file:tls/ca.pem, and not the text itself',
  ),
  'a file that is not there': after(
    target,
    '    tls: {ca: file:ca.pem}',
    '15:15: error: targets[0].tls.ca: the file DIR/ca.pem does not exist',
  ),
  'what is no certificate': after(
    issuer,
    '      ca: file:not-pem',
    '11:11: error: identity.issuers[0].ca: the file holds no certificate in PEM that can be read',
  ),
  'what is no key': after(
    end,
    'audit: {signingKey: file:not-pem}',
    '18:21: error: audit.signingKey: what it refers to is not an Ed25519 private key in PEM (openssl genpkey -algorithm ed25519)',
  ),

  // Listeners
  'a name twice': after(
    listener,
    '    - {name: postgres, protocol: postgres, port: 5433}',
    '6:14: error: gateway.listeners[1].name: is the name of a listener already, on line 3',
  ),
  'a port twice': after(
    listener,
    '    - {name: other, protocol: postgres, port: 5432}',
    '6:47: error: gateway.listeners[1].port: port 5432 of this address is taken already, on line 5',
  ),
  'a port of every address': after(
    listener,
    '    - {name: other, protocol: postgres, address: 0.0.0.0, port: 5432}',
    '6:50: warning: gateway.listeners[1].address: is reachable from other machines, which cannot log in here without tls',
    '6:65: error: gateway.listeners[1].port: port 5432 of this address is taken already, on line 5',
  ),
  'an address in two spellings': after(
    listener,
    '    - {name: a, protocol: postgres, address: "::1", port: 5432}\n    - {name: b, protocol: postgres, address: "0:0::1", port: 5432}',
    '7:62: error: gateway.listeners[2].port: port 5432 of this address is taken already, on line 6',
  ),
  'Envoy’s admin on a listener’s port': after(
    listener,
    '  envoy: {admin: 127.0.0.1:5432}',
    '6:18: error: gateway.envoy.admin: port 5432 of this address is taken already, on line 5',
  ),
  'Envoy’s admin for everybody': after(
    listener,
    '  envoy: {admin: 0.0.0.0:9901}',
    '6:18: error: gateway.envoy.admin: must be on this machine only (127.0.0.1 or [::1]): it asks for no password',
  ),
  'Envoy’s admin without a port': after(
    listener,
    '  envoy: {admin: 127.0.0.1}',
    '6:18: error: gateway.envoy.admin: must be an IP address and a port, such as 127.0.0.1:9901 or [::1]:9901',
  ),
  'an unknown protocol': instead(
    'protocol: postgres\n      port',
    'protocol: postgre\n      port',
    '4:17: error: gateway.listeners[0].protocol: must be one of postgres, http; did you mean "postgres"?',
  ),
  'a host name for an address': after(
    listener,
    '      address: localhost',
    '6:16: error: gateway.listeners[0].address: must be an IP address, such as 127.0.0.1, 0.0.0.0 or ::1; Envoy binds no names',
  ),
  'a name that is no file name': instead(
    'name: postgres',
    'name: ../postgres',
    '3:13: error: gateway.listeners[0].name: must be made of letters, digits, "-" and "_"',
  ),
  'sources that are none': after(
    listener,
    '      sources: [10.0.0.0/33, example.com, 10.0.0.0/8/9, "fe80::1%eth0", 1.2.3.4]',
    '6:17: error: gateway.listeners[0].sources[0]: must be an IP address or a CIDR range, such as 10.0.0.0/8',
    '6:30: error: gateway.listeners[0].sources[1]: must be an IP address or a CIDR range, such as 10.0.0.0/8',
    '6:43: error: gateway.listeners[0].sources[2]: must be an IP address or a CIDR range, such as 10.0.0.0/8',
    '6:57: error: gateway.listeners[0].sources[3]: must be an IP address or a CIDR range, such as 10.0.0.0/8',
  ),
  'a state folder with too long a path': instead(
    'gateway:\n',
    `gateway:\n  stateDir: /${'x'.repeat(80)}\n`,
    '2:13: error: gateway.stateDir: must be a path of at most 80 bytes, or the unix sockets in it could not be bound',
  ),
  'a state folder that is a file': instead(
    'gateway:\n',
    'gateway:\n  stateDir: empty\n',
    '2:13: error: gateway.stateDir: DIR/empty is not a folder',
  ),

  'workers without the Redis by which they share': instead(
    'gateway:\n',
    'gateway:\n  workers: 2\n',
    '2:12: error: gateway.workers: more than 1 needs approvals.redis, by which the workers share holds, grants and sessions',
  ),
  'no workers': instead(
    'gateway:\n',
    'gateway:\n  workers: 0\n',
    '2:12: error: gateway.workers: must be at least 1',
  ),

  // Identity
  'nobody who could log in': instead(
    '  issuers:\n    - name: company\n      url: https://login.example.com\n      audience: sallyport\n',
    '  lockout: {}\n',
    '6:1: error: identity: names neither issuers nor certificates, so nobody could ever log in',
  ),
  'http to another machine': instead(
    'https://login',
    'http://login',
    '9:12: error: identity.issuers[0].url: must begin with https://; http:// is for an issuer on this machine (localhost) alone',
  ),
  'a password in a URL': instead(
    'https://login',
    'https://me:hunter2@login',
    '9:12: error: identity.issuers[0].url: must not hold a user or a password',
  ),
  'an issuer with a query': instead(
    'login.example.com',
    'login.example.com/?x=1',
    '9:12: error: identity.issuers[0].url: must have no "?", "#" or space in it',
  ),
  'no URL': instead(
    'https://login.example.com',
    'login',
    '9:12: error: identity.issuers[0].url: must be a URL, such as https://login.example.com',
  ),
  'a symmetric algorithm': after(
    issuer,
    '      algorithms: [RS256, none]',
    '11:27: error: identity.issuers[0].algorithms[1]: must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519',
  ),
  'one audience for agents and approvers': after(
    issuer,
    '      consoleAudience: sallyport\n      claims: {kind: kind}',
    '11:24: error: identity.issuers[0].consoleAudience: must be another than audience, or tokens that agents bring to targets could approve what they ask for',
  ),
  'a login that leads nowhere': after(
    issuer,
    '      loginClientId: cli',
    '11:22: error: identity.issuers[0].loginClientId: needs consoleAudience: people log in to use the gateway’s own API',
  ),
  'an issuer twice': after(
    issuer,
    '    - {name: company, url: https://login.example.com, audience: x}',
    '11:14: error: identity.issuers[1].name: is the name of an issuer already, on line 8',
    '11:28: error: identity.issuers[1].url: is the url of an issuer already, on line 9',
  ),
  'a tolerance without end': after(
    issuer,
    '      clockTolerance: 1d',
    '11:23: error: identity.issuers[0].clockTolerance: must be at most 1m: clocks that are further apart are to be mended',
  ),
  'a certificate rule for all': after(
    issuer,
    '  certificates: [{name: a, subject: b}]',
    '11:18: error: identity.certificates[0]: matches every certificate: give commonName or alternativeName',
  ),
  'an unknown placeholder': after(
    issuer,
    '  certificates: [{name: a, commonName: b, subject: "{cn}"}]',
    '11:52: error: identity.certificates[0].subject: has a placeholder other than {commonName} and {alternativeName}',
  ),
  'an alternative name of no kind': after(
    issuer,
    '  certificates: [{name: a, alternativeName: build.example, subject: b}]',
    '11:45: error: identity.certificates[0].alternativeName: must begin with the kind of name: DNS:, URI:, email: or IP:',
  ),
  'everybody disabled': after(
    issuer,
    '  disabled: [{}]',
    '11:14: error: identity.disabled[0]: matches everybody: give at least one condition',
  ),
  'an unknown kind': after(
    issuer,
    '  disabled: [{kinds: [agents]}]',
    '11:23: error: identity.disabled[0].kinds[0]: must be one of agent, workload, person; did you mean "agent"?',
  ),
  'a claim of no simple value': after(
    issuer,
    '  disabled: [{claims: {a: [[x]]}}]',
    '11:28: error: identity.disabled[0].claims.a[0]: is not of the form that is wanted here',
  ),

  // Console
  'an operator who is everybody': after(
    end,
    'console: {operators: [{}]}',
    '18:23: error: console.operators[0]: matches everybody: give at least one condition',
  ),

  // Targets
  'a target of an unknown protocol, and nothing more of it': instead(
    'protocol: postgres\n    host',
    'protocol: mysql\n    host',
    '13:15: error: targets[0].protocol: must be one of postgres, http',
  ),
  'a target without a protocol': instead(
    '    protocol: postgres\n    host',
    '    host',
    '12:5: error: targets[0].protocol: is missing',
  ),
  'a target that is no section': after(
    '    password: env:DB_PASSWORD\n',
    '  - shop',
    '16:5: error: targets[1]: must be a section with keys',
  ),
  'a target’s name twice': after(
    '    password: env:DB_PASSWORD\n',
    '  - {name: shop, protocol: postgres, host: x}',
    '16:12: error: targets[1].name: is the name of a target already, on line 12',
  ),
  'a target’s name that no client could give': instead(
    'name: shop',
    'name: my shop',
    '12:11: error: targets[0].name: must be made of letters, digits, "_", "." and "-"',
  ),
  'what the protocol itself has against it': instead(
    target,
    '    host: localhost\n    port: 1\n',
    '15:11: error: targets[0].port: is not a port that anybody uses',
  ),
  'what the protocol misses for a reason of its own': instead(
    'host: db.internal\n    password: env:DB_PASSWORD\n',
    'host: public\n',
    '12:5: error: targets[0].password: is needed by a host like that',
  ),
  'no targets': instead(
    '  - name: shop\n    protocol: postgres\n    host: db.internal\n    password: env:DB_PASSWORD\n',
    '  []\n',
    '12:3: error: targets: must not be an empty list',
  ),

  // Policies
  'a policy file that is not there': after(
    end,
    '  - policies/other.yaml',
    '18:5: error: policies[1]: the file DIR/policies/other.yaml does not exist',
  ),
  'a pattern without a match': after(
    end,
    '  - policies/*.ts',
    '18:5: error: policies[1]: no file of the folder DIR/policies matches it',
  ),
  'a pattern in a folder that is not there': after(
    end,
    '  - rules/*.yaml',
    '18:5: error: policies[1]: the folder DIR/rules does not exist',
  ),
  'a pattern of folders': after(
    end,
    '  - "*/shop.yaml"',
    '18:5: error: policies[1]: must be a path that ends in .yaml, .yml or .ts; * in the file’s name stands for any characters',
  ),
  'a policy that is neither YAML nor TypeScript': after(
    end,
    '  - empty',
    '18:5: error: policies[1]: must be a path that ends in .yaml, .yml or .ts; * in the file’s name stands for any characters',
  ),

  // Approvals
  'a password in the URL of Redis': after(
    end,
    'approvals: {redis: "redis://:hunter2@redis"}',
    '18:20: error: approvals.redis: must be env:NAME or file:PATH, or a redis:// or rediss:// URL without a user, a password or a query',
  ),
  'a password in the query of Redis’ URL': after(
    end,
    'approvals: {redis: "redis://redis?password=hunter2"}',
    '18:20: error: approvals.redis: must be env:NAME or file:PATH, or a redis:// or rediss:// URL without a user, a password or a query',
  ),
  'a reference to what is no URL of Redis': after(
    end,
    'approvals: {redis: env:DB_PASSWORD}',
    '18:20: error: approvals.redis: what it refers to is not a redis:// or rediss:// URL',
  ),
};

test.each(Object.entries(cases))('%s', (_, { replace, by, told }) => {
  expect(smallest.split(replace)).toHaveLength(2);
  const loaded = load(
    smallest.replace(replace, () => by),
    { ...smallestFiles, empty: '', 'not-pem': 'hunter2' },
    { env: { DB_PASSWORD: 'hunter2', EMPTY: '' } },
  );
  expect(loaded.told).toEqual(told);
  expect(loaded.settings).toBeNull();
  expect(loaded.told.join()).not.toContain('hunter2');
});

test('everything is told in one go, in the order of the file', () => {
  const { told, settings } = load(`\
gateway:
  listeners:
    - name: a
      protocol: postgres
      port: 1
      port: 70000
    - {name: a, protocol: smtp, prot: 1}
identity:
  issuers: [{name: x, url: ftp://x}]
  lockout:
targets:
  - {name: t, protocol: postgres, host: 5, password: hunter2}
  - {name: t, protocol: http, url: x, maxBody: 1}
policies: [none.yaml]
audit: {signingKey: env:NOBODY}
oops: !!str 1
`);
  expect(settings).toBeNull();
  expect(told).toEqual([
    '6:7: error: The key "port" stands in this section already.',
    '6:13: error: gateway.listeners[0].port: must be at most 65535',
    '7:7: error: gateway.listeners[1].port: is missing',
    '7:14: error: gateway.listeners[1].name: is the name of a listener already, on line 3',
    '7:27: error: gateway.listeners[1].protocol: must be one of postgres, http; did you mean "http"?',
    '7:33: error: gateway.listeners[1].prot: unknown key; did you mean "port"?',
    '9:13: error: identity.issuers[0].audience: is missing',
    '9:28: error: identity.issuers[0].url: must begin with https://; http:// is for an issuer on this machine (localhost) alone',
    '10:3: error: identity.lockout: has no value; give it one, or take the key out',
    '12:41: error: targets[0].host: must be text; put it in quotes',
    '12:54: error: targets[0].password: must be a reference to a secret, env:NAME or file:PATH: a secret itself is never written into this file',
    '13:12: error: targets[1].name: is the name of a target already, on line 12',
    '14:12: error: policies[0]: the file DIR/none.yaml does not exist',
    '15:21: error: audit.signingKey: the environment variable NOBODY is not set',
    '16:1: error: oops: unknown key; known are gateway, identity, targets, policies, approvals, audit, console, limits',
    '16:7: error: Tags (!name) are not used here: write the value without one.',
  ]);
});
