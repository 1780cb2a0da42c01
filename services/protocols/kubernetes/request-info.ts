/**
 * What a request is about, as the API server's own RequestInfo has it (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go), but strict: where the
 * API server reads on and answers 404 or something surprising, this says what is wrong.
 */
import { namePattern } from './names.ts';
import { fieldRequirements } from './selectors.ts';
import type { RequestVerb } from './verbs.ts';

export interface ResourceRequest {
  readonly kind: 'resource';
  readonly verb: RequestVerb;
  /** Empty: the core group, whose path is `/api`. */
  readonly group: string;
  readonly version: string;
  /** Plural, in lower case: `pods`. */
  readonly resource: string;
  /** Empty: the resource itself. */
  readonly subresource: string;
  /** Empty: none, or all of them. */
  readonly namespace: string;
  /** Empty: none is named. A list that is narrowed to one name by its field selector has that name, as in RBAC. */
  readonly name: string;
  /** What follows `proxy` in the path, which is the proxied server's own. */
  readonly proxied: readonly string[];
}

/** Discovery, `/version`, `/healthz`, `/openapi`: what clients read before they can ask for anything. */
export interface DiscoveryRequest {
  readonly kind: 'discovery';
  /** The first segments, which say what is read: `api`, `apis/apps/v1`, `openapi/v3`. */
  readonly path: string;
}

/** Why it is none of these, as a sentence goes on after "the request". */
export interface RequestFault {
  readonly fault: string;
}

/** A request line as far as it matters: segments of a path that has one reading, decoded; the last one is empty after a slash at the end. */
export interface RequestLine {
  readonly method: string;
  readonly segments: readonly string[];
  /** In their order. */
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
}

/** Namespaces have these subresources; anything else behind a namespace's name is a resource in it. */
const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

/** They carry bytes between the client and what runs in the cluster; with GET as well as with POST that is a `create`. */
const connecting: ReadonlySet<string> = new Set([
  'pods/exec',
  'pods/attach',
  'pods/portforward',
  'pods/proxy',
  'services/proxy',
  'nodes/proxy',
]);

export const isConnecting = ({
  group,
  resource,
  subresource,
}: Pick<ResourceRequest, 'group' | 'resource' | 'subresource'>): boolean =>
  group === '' && connecting.has(`${resource}/${subresource}`);

export function readRequestInfo({
  method,
  segments,
  parameters,
}: RequestLine): ResourceRequest | DiscoveryRequest | RequestFault {
  const endsWithSlash = segments.length > 1 && segments.at(-1) === '';
  const parts = endsWithSlash ? segments.slice(0, -1) : segments;
  if (parts.includes('')) return { fault: 'has an empty segment in its path' };
  const [prefix = '', ...rest] = parts;
  const inGroup = prefix === 'apis' && rest.length >= 3;
  if (!inGroup && !(prefix === 'api' && rest.length >= 2)) return discovery(method, parts);
  const [group, version = '', ...behind] = inGroup ? rest : ['', ...rest];
  if (group === undefined || (inGroup && !namePattern.group.test(group)))
    return { fault: 'names no API group' };
  if (!namePattern.version.test(version)) return { fault: 'names no API version' };
  const watchPrefix = behind[0] === 'watch';
  if (behind[0] === 'proxy') {
    return { fault: 'uses the old path /proxy/, which API servers have no more: name the subresource proxy' };
  }
  const found = resourceIn(watchPrefix ? behind.slice(1) : behind);
  if ('fault' in found) return found;
  if (endsWithSlash && found.subresource !== 'proxy')
    return { fault: 'has a slash at the end of its path, where a resource is named' };
  const named = { group, version, ...found };
  const verb = watchPrefix ? watchVerb(method) : verbOf(method, named, parameters);
  if (typeof verb !== 'string') return verb;
  const base = { kind: 'resource', verb, ...named } as const;
  if (found.name !== '' || (verb !== 'list' && verb !== 'watch')) return base;
  const fields = fieldRequirements(parameters);
  if ('fault' in fields) return fields;
  const name = fields.equal.find(({ key }) => key === 'metadata.name')?.value ?? '';
  return name === '' || namePattern.name.test(name)
    ? { ...base, name }
    : { fault: 'selects a name that no object can have' };
}

/** `namespaces/dev/pods/web/log`, and its shorter forms. */
function resourceIn(
  parts: readonly string[],
): Pick<ResourceRequest, 'resource' | 'subresource' | 'namespace' | 'name' | 'proxied'> | RequestFault {
  const ofNamespace =
    parts[0] === 'namespaces' && parts.length > 2 && !namespaceSubresources.has(parts[2] ?? '');
  const namespace = parts[0] === 'namespaces' ? (parts[1] ?? '') : '';
  const [resource, name = '', subresource = '', ...beyond] = ofNamespace ? parts.slice(2) : parts;
  if (resource === undefined || !namePattern.resource.test(resource)) return { fault: 'names no resource' };
  if (ofNamespace && resource === 'namespaces') return { fault: 'names a namespace within a namespace' };
  if (namespace !== '' && !namePattern.namespace.test(namespace)) {
    return { fault: 'names a namespace that cannot be' };
  }
  if (name !== '' && !namePattern.name.test(name)) return { fault: 'names an object that cannot be' };
  if (subresource !== '' && !namePattern.resource.test(subresource))
    return { fault: 'names a subresource that cannot be' };
  if (beyond.length > 0 && subresource !== 'proxy') {
    return { fault: 'goes on behind a subresource that has nothing below it' };
  }
  return { resource, subresource, namespace, name, proxied: beyond };
}

const watchVerb = (method: string): RequestVerb | RequestFault =>
  method === 'GET' ? 'watch' : { fault: 'uses the path /watch/ with another method than GET' };

function verbOf(
  method: string,
  about: Pick<ResourceRequest, 'group' | 'resource' | 'subresource' | 'name'>,
  parameters: RequestLine['parameters'],
): RequestVerb | RequestFault {
  if (isConnecting(about)) return method === 'OPTIONS' ? { fault: 'has no verb of its own' } : 'create';
  const isNamed = about.name !== '';
  switch (method) {
    case 'GET':
    case 'HEAD':
      return isNamed ? 'get' : listOrWatch(parameters);
    case 'POST':
      return 'create';
    case 'PUT':
    case 'PATCH':
      if (!isNamed) return { fault: 'changes an object and does not name it' };
      return method === 'PUT' ? 'update' : 'patch';
    case 'DELETE':
      return isNamed ? 'delete' : 'deletecollection';
    default:
      return { fault: `uses the method ${method}, which is no verb of Kubernetes` };
  }
}

/** All but `false` and `0` is true to the API server, which looks at the first one alone (apimachinery's Convert_Slice_string_To_bool). */
function listOrWatch(parameters: RequestLine['parameters']): RequestVerb | RequestFault {
  const written = parameters.filter(({ name }) => name === 'watch').map(({ value }) => value);
  const [value, ...others] = written;
  if (value === undefined) return 'list';
  if (others.length > 0) return { fault: 'says more than once whether it is a watch' };
  return value.toLowerCase() === 'false' || value === '0' ? 'list' : 'watch';
}

const readable: ReadonlySet<string> = new Set([
  'api',
  'apis',
  'openapi',
  'version',
  'healthz',
  'livez',
  'readyz',
]);

function discovery(method: string, parts: readonly string[]): DiscoveryRequest | RequestFault {
  if (!readable.has(parts[0] ?? '')) {
    return { fault: 'is neither for a resource nor for what clients discover an API by' };
  }
  if (method !== 'GET' && method !== 'HEAD')
    return { fault: `uses the method ${method} where clients only read` };
  return { kind: 'discovery', path: parts.join('/') };
}
