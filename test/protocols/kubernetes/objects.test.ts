import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '../../../services/core/model/strict-json.ts';
import { versionOf } from '../../../services/protocols/kubernetes/api-object.ts';
import { changeLines } from '../../../services/protocols/kubernetes/change-text.ts';
import { readDeleteOptions } from '../../../services/protocols/kubernetes/delete-options.ts';
import { readDryRun } from '../../../services/protocols/kubernetes/dry-run.ts';
import { forwardedHeaders, jsonParts } from '../../../services/protocols/kubernetes/headers.ts';
import { writesMasks } from '../../../services/protocols/kubernetes/mask-forms.ts';
import { reachingEffects } from '../../../services/protocols/kubernetes/object-effects.ts';
import type { ResourceRequest } from '../../../services/protocols/kubernetes/request-info.ts';

const request = (changes: Partial<ResourceRequest> = {}): ResourceRequest => ({
  kind: 'resource',
  verb: 'update',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'dev',
  name: 'x',
  proxied: [],
  ...changes,
});

const pod = (spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  kind: 'Pod',
  metadata: { name: 'x', namespace: 'dev', ...metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

const reached = (before: JsonObject | null, after: JsonObject, about = request()): readonly string[] =>
  reachingEffects(about, { before, after }, false).map(({ verb, resource }) => `${verb} ${resource}`);

describe('a pod reaches', () => {
  const mountsDb = ['mount secrets db in dev'];
  test.each<[what: string, spec: JsonObject, effects: readonly string[]]>([
    ['nothing', {}, []],
    ['a Secret by a volume', { volumes: [{ name: 's', secret: { secretName: 'db' } }] }, mountsDb],
    ['by a projected one', { volumes: [{ projected: { sources: [{ secret: { name: 'db' } }] } }] }, mountsDb],
    ['by its environment', { containers: [{ envFrom: [{ secretRef: { name: 'db' } }] }] }, mountsDb],
    [
      'by a variable of an init container',
      { initContainers: [{ env: [{ valueFrom: { secretKeyRef: { name: 'db', key: 'p' } } }] }] },
      mountsDb,
    ],
    ['to pull', { imagePullSecrets: [{ name: 'db' }] }, mountsDb],
    [
      'by a driver',
      { volumes: [{ csi: { driver: 'd', nodePublishSecretRef: { name: 'db' } } }] },
      [...mountsDb, 'escape pods x in dev by csi'],
    ],
    ['by an old volume', { volumes: [{ azureFile: { secretName: 'db' } }] }, mountsDb],
    ['an account', { serviceAccountName: 'deployer' }, ['run-as serviceaccounts deployer in dev']],
    ['the usual account', { serviceAccountName: 'default' }, []],
    ['its node', { hostPID: true }, ['escape pods x in dev by hostPID']],
    ['a folder', { volumes: [{ hostPath: { path: '/' } }] }, ['escape pods x in dev by hostPath']],
    ['a port', { containers: [{ ports: [{ hostPort: 80 }] }] }, ['escape pods x in dev by hostPort']],
    [
      'all',
      { ephemeralContainers: [{ securityContext: { privileged: true } }] },
      ['escape pods x in dev by privileged'],
    ],
    [
      'capabilities',
      { containers: [{ securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }] },
      ['escape pods x in dev by capabilities'],
    ],
    [
      'the one that is harmless',
      { containers: [{ securityContext: { capabilities: { add: ['NET_BIND_SERVICE'] } } }] },
      [],
    ],
  ])('%s', (_, spec, effects) => {
    expect(reached(null, pod(spec))).toEqual(effects);
  });

  test('what it reaches in templates of any kind and depth', () => {
    const template = {
      template: { spec: pod({ volumes: [{ secret: { secretName: 'db' } }] })['spec'] ?? null },
    };
    const about = request({ group: 'argoproj.io', resource: 'rollouts' });
    expect(reached(null, { metadata: {}, spec: { jobTemplate: { spec: template } } }, about)).toEqual(
      mountsDb,
    );
  });

  test('no further when its spec stays as it was, and all of it when an image changes', () => {
    const before = pod({ volumes: [{ secret: { secretName: 'db' } }] });
    const labelled = { ...before, metadata: { name: 'x', labels: { a: 'b' } } };
    expect(reached(before, labelled)).toEqual([]);
    expect(
      reached(before, pod({ volumes: [{ secret: { secretName: 'db' } }], containers: [{ image: 'j' }] })),
    ).toEqual(mountsDb);
  });

  test('its end, by owners and finalizers', () => {
    const owned = pod({}, { ownerReferences: [{ kind: 'Pod', name: 'gone', uid: 'u' }] });
    expect(reached(pod({}), owned)).toEqual(['delete pods x in dev']);
    expect(reached(null, owned)).toEqual([]);
    expect(reached(pod({}, { finalizers: ['a/b'] }), pod({}))).toEqual(['delete pods x in dev']);
  });
});

describe('roles and bindings', () => {
  const rbac = 'rbac.authorization.k8s.io';
  const role = (rules: JsonObject[], labels: JsonObject = {}) => ({ metadata: { name: 'r', labels }, rules });
  const about = request({ group: rbac, resource: 'roles', name: 'r' });
  test.each<[what: string, before: JsonObject | null, after: JsonObject, effects: readonly string[]]>([
    ['new', null, role([{ verbs: ['*'] }]), [`escalate roles.${rbac} r in dev`]],
    ['the same', role([{ verbs: ['*'] }]), role([{ verbs: ['*'] }], { a: 'b' }), []],
    ['more', role([]), role([{ verbs: ['*'] }]), [`escalate roles.${rbac} r in dev`]],
    [
      'a label',
      role([]),
      role([], { [`${rbac}/aggregate-to-view`]: 'true' }),
      [`escalate roles.${rbac} r in dev`],
    ],
  ])('%s', (_, before, after, effects) => {
    expect(reached(before, after, about)).toEqual(effects);
  });

  test('a binding binds its role', () => {
    const binding = { metadata: {}, roleRef: { kind: 'ClusterRole', name: 'cluster-admin' }, subjects: [] };
    expect(reached(null, binding, request({ group: rbac, resource: 'rolebindings' }))).toEqual([
      `bind clusterroles.${rbac} cluster-admin in dev`,
    ]);
  });

  test('a Secret that asks for an account’s token runs as it', () => {
    const secret = {
      kind: 'Secret',
      type: 'kubernetes.io/service-account-token',
      metadata: { annotations: { 'kubernetes.io/service-account.name': 'admin' } },
    };
    expect(reached(null, secret, request({ resource: 'secrets' }))).toEqual([
      'run-as serviceaccounts admin in dev',
    ]);
  });
});

test('lines tell each value that changes, and of Secrets no value', () => {
  const before = { kind: 'Deployment', metadata: { name: 'w', resourceVersion: '1' }, spec: { replicas: 2 } };
  const after = {
    kind: 'Deployment',
    metadata: { name: 'w', resourceVersion: '2' },
    spec: { replicas: 3, paused: true },
  };
  expect(changeLines({ before, after })).toEqual(['+ spec.paused: true', '~ spec.replicas: 2 -> 3']);
  const secret = { kind: 'Secret', metadata: { name: 's' }, data: { p: 'aHVudGVyMg==' } };
  expect(changeLines({ before: null, after: secret }).join('\n')).not.toContain('aHVudGVyMg');
});

test('a version is of what an object is, and not of its status', () => {
  const object = {
    metadata: { name: 'w', uid: 'u', resourceVersion: '1' },
    spec: { a: 1, b: 2 },
    status: { ready: 1 },
  };
  const later = {
    status: { ready: 2 },
    spec: { b: 2, a: 1 },
    metadata: { resourceVersion: '2', uid: 'u', name: 'w' },
  };
  expect(versionOf(later)).toBe(versionOf(object));
  expect(versionOf({ ...object, spec: { a: 2 } })).not.toBe(versionOf(object));
  expect(versionOf({ ...object, metadata: { ...object.metadata, uid: 'v' } })).not.toBe(versionOf(object));
});

describe('what is written back', () => {
  const secret = (value: string): JsonObject => ({
    kind: 'Secret',
    data: { p: Buffer.from(value).toString('base64') },
  });
  test.each<[before: JsonObject | null, after: JsonObject, isMasked: boolean]>([
    [secret('hunter2'), secret('********'), true],
    [secret('********'), secret('********'), false],
    [secret('hunter2'), secret('hunter3'), false],
    [null, { data: { mail: 'a***@***.example' } }, true],
    [null, { data: { card: '****1111' } }, true],
    [null, { data: { key: 'masked-0123456789abcdef0123' } }, true],
    [null, { data: { schedule: '* * * * *' } }, false],
  ])('case %#', (before, after, isMasked) => {
    expect(writesMasks({ before, after })).toBe(isMasked);
  });
});

describe('a dry run', () => {
  const all = [{ name: 'dryRun', value: 'All' }];
  const noBody = { body: null, hasBody: false };
  test.each([
    ['create', all, noBody, true],
    ['create', [], noBody, false],
    ['delete', all, noBody, true],
    ['delete', all, { body: { dryRun: ['All'] }, hasBody: true }, true],
    ['delete', [], { body: { dryRun: ['All'] }, hasBody: true }, true],
    ['delete', [], { body: { kind: 'DeleteOptions' }, hasBody: true }, false],
  ] as const)('%s case %#', (verb, parameters, options, expected) => {
    expect(readDryRun(request({ verb }), parameters, options)).toBe(expected);
  });

  test.each([
    ['delete', all, { body: { kind: 'DeleteOptions' }, hasBody: true }],
    ['delete', all, { body: null, hasBody: true }],
    ['delete', [], { body: { dryRun: 'All' }, hasBody: true }],
    ['delete', [{ name: 'dryRun', value: 'all' }], noBody],
    ['create', [...all, ...all], noBody],
  ] as const)('%s case %# is refused', (verb, parameters, options) => {
    expect(readDryRun(request({ verb }), parameters, options)).toHaveProperty('fault');
  });

  test('is none of what keeps nothing of it: a token that was asked for so is a token', () => {
    const token = request({ verb: 'create', resource: 'serviceaccounts', subresource: 'token' });
    expect(readDryRun(token, all, noBody)).toBe(false);
  });
});

describe('the options of a DELETE in protobuf', () => {
  const field = (number: number, value: string | Buffer) => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  };
  const number = (of: number, value: number) => Buffer.from([of << 3, value]);
  const options = (...fields: readonly Buffer[]) => Buffer.concat(fields);
  const enveloped = (raw: Buffer, kind = 'DeleteOptions', ...more: readonly Buffer[]) => {
    const type = Buffer.concat([field(1, 'meta.k8s.io/v1'), field(2, kind)]);
    return Buffer.concat([Buffer.from('k8s\0'), field(1, type), field(2, raw), ...more]);
  };
  /** As client-go 0.36 sends them. */
  const empty = enveloped(options(), 'DeleteOptions', field(3, ''), field(4, ''));

  test.each<[what: string, body: Buffer, read: JsonObject]>([
    ['none', empty, {}],
    ['a dry run', enveloped(options(field(5, 'All'))), { dryRun: ['All'] }],
    ['two', enveloped(options(field(5, 'All'), field(5, ''))), { dryRun: ['All', ''] }],
    [
      'all that there are',
      enveloped(
        options(
          number(1, 0),
          field(2, Buffer.concat([field(1, 'u'), field(2, '7')])),
          number(3, 1),
          field(4, 'Foreground'),
          number(6, 0),
        ),
      ),
      {
        gracePeriodSeconds: 0,
        preconditions: { uid: 'u', resourceVersion: '7' },
        orphanDependents: true,
        propagationPolicy: 'Foreground',
        ignoreStoreReadErrorWithClusterBreakingPotential: false,
      },
    ],
  ])('are read: %s', (_, body, read) => {
    expect(readDeleteOptions(body)).toEqual(read);
  });

  test.each<[what: string, body: Buffer]>([
    ['JSON', Buffer.from('{"dryRun":["All"]}')],
    ['nothing', Buffer.alloc(0)],
    ['another kind', enveloped(options(), 'Pod')],
    ['no kind', Buffer.concat([Buffer.from('k8s\0'), field(2, '')])],
    ['a field that is not known', enveloped(options(field(7, 'All')))],
    ['a field twice', enveloped(options(field(4, 'Orphan'), field(4, 'Foreground')))],
    ['options twice', enveloped(options(), 'DeleteOptions', field(2, field(5, 'All')))],
    ['a type twice', enveloped(options(), 'DeleteOptions', field(1, field(2, 'Pod')))],
    ['a dry run as a number', enveloped(options(number(5, 1)))],
    ['a number as a text', enveloped(options(field(1, '0')))],
    [
      'a field number that wraps',
      enveloped(options(Buffer.from([0xaa, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00]))),
    ],
    ['what is not UTF-8', enveloped(options(field(5, Buffer.from([0xff]))))],
    ['another encoding', enveloped(options(), 'DeleteOptions', field(3, 'gzip'))],
    ['another type within', enveloped(options(), 'DeleteOptions', field(4, 'application/json'))],
    ['a group', enveloped(Buffer.from([(5 << 3) | 3, (5 << 3) | 4]))],
  ])('are refused: %s', (_, body) => {
    expect(readDeleteOptions(body)).toBeNull();
  });

  test('are refused wherever they are cut off', () => {
    const whole = enveloped(options(field(5, 'All'), number(1, 3)));
    const read = Array.from({ length: whole.length }, (_, end) => readDeleteOptions(whole.subarray(0, end)));
    // Without the options, which come last, it is whole too: the API server reads it so as well.
    expect(read.filter((options) => options !== null)).toEqual([{}]);
    for (let end = 0; end <= whole.length; end += 1) readDeleteOptions(whole.subarray(end));
  });
});

test('headers go on by a list, with JSON alone in Accept', () => {
  expect(
    jsonParts([
      'application/vnd.kubernetes.protobuf, application/json;as=Table;v=v1;g=meta.k8s.io',
      'text/html',
    ]),
  ).toBe('application/json;as=Table;v=v1;g=meta.k8s.io');
  expect(jsonParts([])).toBe('application/json');
  const headers = ['accept', 'authorization', 'content-type', 'x-anything', 'user-agent'].map((name) => ({
    name,
    value: 'v',
  }));
  expect(forwardedHeaders(headers, '/api/v1/pods')).toEqual({
    remove: ['authorization', 'x-anything'],
    set: [{ name: 'accept', value: 'application/json' }],
  });
  expect(forwardedHeaders(headers, '/openapi/v3').set).toEqual([]);
});
