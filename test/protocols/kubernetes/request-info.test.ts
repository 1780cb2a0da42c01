import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readRequestInfo } from '../../../services/protocols/kubernetes/request-info.ts';

interface Case {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly kube_requestinfo_v1_31: {
    readonly isResource: boolean;
    readonly verb: string;
    readonly group: string;
    readonly version: string;
    readonly resource: string;
    readonly sub: string;
    readonly ns: string;
    readonly name: string;
  };
}

// The corpus is our own file.
const { cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../attacks/kubernetes.json'), 'utf8'),
) as { readonly cases: readonly Case[] };

/** Decoded once, as the engine's canonical path gives it; what that refuses comes as it stands here. */
function read(method: string, target: string) {
  const [path = '', query = ''] = target.split('?');
  const segments = path
    .slice(1)
    .split('/')
    .map((segment) => decodeURIComponent(segment));
  const parameters = [...new URLSearchParams(query)].map(([name, value]) => ({ name, value }));
  return readRequestInfo({ method, segments, parameters });
}

/** What the API server would read some way or other, and is refused here. */
const refused: ReadonlySet<string> = new Set([
  ...['K8S-001', 'K8S-003', 'K8S-005', 'K8S-007', 'K8S-009', 'K8S-011', 'K8S-013', 'K8S-015', 'K8S-017'],
  ...['K8S-019', 'K8S-023', 'K8S-025', 'K8S-101'],
]);

describe('the corpus, by what RequestInfo said of each', () => {
  test.each(cases.map((each) => [each.id, each] as const))('%s', (id, { method, path, ...said }) => {
    const { isResource, verb, group, version, resource, sub, ns, name } = said.kube_requestinfo_v1_31;
    const info = read(method, path);
    if (refused.has(id)) return expect(info).toHaveProperty('fault');
    if (!isResource) return expect(info).toMatchObject({ kind: 'discovery' });
    const connects = ['exec', 'attach', 'portforward', 'proxy'].includes(sub);
    expect(info).toMatchObject({
      kind: 'resource',
      verb: connects ? 'create' : verb,
      group,
      version,
      resource,
      subresource: sub,
      namespace: ns,
      name,
    });
  });
});

const dev = '/api/v1/namespaces/dev';

test.each([
  ['GET', `${dev}/pods`, 'list'],
  ['GET', `${dev}/pods?watch=true`, 'watch'],
  ['GET', `${dev}/pods?watch=1`, 'watch'],
  ['GET', `${dev}/pods?watch=t`, 'watch'],
  ['GET', `${dev}/pods?watch=`, 'watch'],
  ['GET', `${dev}/pods?watch=no`, 'watch'],
  ['GET', `${dev}/pods?watch=False`, 'list'],
  ['GET', `${dev}/pods?watch=0`, 'list'],
  ['GET', `${dev}/pods/web?watch=true`, 'get'],
  ['HEAD', `${dev}/pods/web`, 'get'],
  ['HEAD', `${dev}/pods`, 'list'],
  ['GET', '/api/v1/watch/pods', 'watch'],
  ['GET', `/api/v1/watch/namespaces/dev/pods/web`, 'watch'],
  ['POST', `${dev}/pods`, 'create'],
  ['PUT', `${dev}/pods/web`, 'update'],
  ['PATCH', `${dev}/pods/web`, 'patch'],
  ['DELETE', `${dev}/pods/web`, 'delete'],
  ['DELETE', `${dev}/pods`, 'deletecollection'],
  ['GET', `${dev}/pods/web/exec?command=ls`, 'create'],
  ['POST', `${dev}/pods/web/exec`, 'create'],
  ['GET', `${dev}/pods/web/proxy/a/b`, 'create'],
  ['DELETE', `${dev}/services/web:80/proxy/`, 'create'],
  ['GET', '/api/v1/nodes/n1/proxy/run/dev/web', 'create'],
  ['GET', `${dev}/pods/web/log`, 'get'],
])('%s %s is %s', (method, path, verb) => {
  expect(read(method, path)).toMatchObject({ kind: 'resource', verb });
});

test.each([
  [`${dev}/pods?fieldSelector=metadata.name%3Dweb`, 'web'],
  [`${dev}/pods?fieldSelector=metadata.name==web,status.phase!=Failed`, 'web'],
  [`${dev}/pods?fieldSelector=metadata.name!=web`, ''],
  [`${dev}/pods?watch=1&fieldSelector=metadata.name=web`, 'web'],
  ['/api/v1/namespaces/dev', 'dev'],
])('%s names %s', (path, name) => {
  expect(read('GET', path)).toMatchObject({ kind: 'resource', name });
});

test.each([
  ['GET', `${dev}/pods?watch=1&watch=0`],
  ['GET', `${dev}/pods?fieldSelector=metadata.name=a&fieldSelector=metadata.name=b`],
  ['GET', `${dev}/pods?fieldSelector=metadata.name%3Da%5C%2Cb`],
  ['GET', `${dev}/pods?fieldSelector=web`],
  ['GET', `${dev}/pods/web/log/x`],
  ['GET', `${dev}/pods/`],
  ['GET', `${dev}/pods/web/`],
  ['GET', '/api/v1/namespaces/Dev/pods'],
  ['GET', `${dev}/Pods`],
  ['GET', '/apis/Apps/v1/deployments'],
  ['GET', '/apis/apps/V1/deployments'],
  ['POST', '/api/v1/watch/pods'],
  ['PUT', `${dev}/pods`],
  ['PATCH', `${dev}/pods`],
  ['OPTIONS', `${dev}/pods`],
  ['POST', '/api'],
  ['GET', '/'],
  ['GET', '/metrics'],
  ['GET', '/logs/kubelet.log'],
  ['GET', '/debug/pprof/'],
  ['GET', '/.well-known/openid-configuration'],
])('%s %s is refused', (method, path) => {
  expect(read(method, path)).toHaveProperty('fault');
});

test.each(['/api', '/api/', '/api/v1', '/apis', '/apis/', '/apis/apps', '/apis/apps/v1', '/apis/apps/v1/'])(
  '%s is discovery',
  (path) => {
    expect(read('GET', path)).toMatchObject({ kind: 'discovery' });
  },
);
test.each(['/version', '/version/', '/healthz', '/readyz/ping', '/openapi/v2', '/openapi/v3/apis/apps/v1'])(
  '%s is discovery too',
  (path) => {
    expect(read('GET', path)).toMatchObject({ kind: 'discovery' });
  },
);

test('whatever segments there are, what is read says them again', () => {
  const word = fc.constantFrom(
    ...[
      'api',
      'apis',
      'v1',
      'apps',
      'namespaces',
      'dev',
      'pods',
      'web',
      'status',
      'finalize',
      'log',
      'watch',
    ],
    ...['exec', 'proxy', '', '..', 'deployments'],
  );
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD');
  fc.assert(
    fc.property(method, fc.array(word, { minLength: 1, maxLength: 9 }), (used, segments) => {
      const info = readRequestInfo({ method: used, segments, parameters: [] });
      if ('fault' in info || info.kind === 'discovery') return;
      const { group, version, namespace, resource, name, subresource, proxied } = info;
      const inNamespace = namespace === '' || resource === 'namespaces' ? [] : ['namespaces', namespace];
      const behind = [resource, name, subresource, ...proxied].filter((part) => part !== '');
      const prefix = group === '' ? ['api', version] : ['apis', group, version];
      const [canonical, old] = [
        [...prefix, ...inNamespace, ...behind],
        [...prefix, 'watch', ...inNamespace, ...behind],
      ];
      const written = segments.join('/').replace(/\/$/, '');
      expect([canonical.join('/'), old.join('/')]).toContain(written);
    }),
  );
});
