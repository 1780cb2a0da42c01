import type { JsonObject } from '../../core/model/strict-json.ts';
import type { ResourceRequest } from './request-info.ts';

interface Fault {
  readonly fault: string;
}

type Parameters = readonly { readonly name: string; readonly value: string }[];

/**
 * Whether the API server only tries it. `All` is the one value there is, and others are errors. A DELETE with a body takes its options from there
 * and looks at no query (apiserver's DeleteResource), so a dry run is only what both say, or the query alone without a body.
 */
export function readDryRun(
  { verb, subresource }: ResourceRequest,
  parameters: Parameters,
  options: { readonly body: JsonObject | null; readonly hasBody: boolean },
): boolean | Fault {
  const written = parameters.filter(({ name }) => name === 'dryRun').map(({ value }) => value);
  if (written.some((value) => value !== 'All') || written.length > 1) {
    return { fault: 'asks for a dry run in another way than dryRun=All' };
  }
  const asked = written.length === 1;
  if (!options.hasBody || (verb !== 'delete' && verb !== 'deletecollection')) {
    // What other subresources do with it is theirs alone: a token that was asked for so is a token.
    return asked && (subresource === '' || persisted.has(subresource));
  }
  if (options.body === null) return { fault: 'deletes by options that cannot be read' };
  const inBody = options.body['dryRun'] ?? null;
  const says = Array.isArray(inBody) && inBody.length === 1 && inBody[0] === 'All';
  if (!says && !(inBody === null || (Array.isArray(inBody) && inBody.length === 0))) {
    return { fault: 'asks for a dry run in another way than dryRun: [All]' };
  }
  if (asked && !says) {
    return {
      fault: 'says dryRun in its query and not in its body, and the API server looks at the body alone',
    };
  }
  return says;
}

/** Subresources that write the object, or delete it, as the resource itself does. */
const persisted: ReadonlySet<string> = new Set([
  'status',
  'scale',
  'eviction',
  'ephemeralcontainers',
  'resize',
  'finalize',
]);
