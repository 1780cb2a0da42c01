import { type ListenerName, listenerName, type TargetName, targetName } from '../model/ids.ts';
import { issueText } from './issues.ts';
import type { References } from './references.ts';
import { policiesSchema } from './schema.ts';
import type { YamlDocument } from './yaml-document.ts';

/** What of a config its policies are checked against, and where they are. */
export interface Outline {
  readonly targets: readonly { readonly name: TargetName; readonly protocol: string }[];
  readonly listeners: readonly { readonly name: ListenerName; readonly protocol: string }[];
  /** Absolute paths, in the order of the config, patterns expanded. */
  readonly policyFiles: readonly string[];
}

/**
 * Read from the file as it was written, so that the mistakes of policies can be told along with those of a config that
 * is broken elsewhere (a secret that is not there). Null when these parts are what is broken: then every policy would
 * seem to be wrong.
 */
export function outlineOf(
  document: YamlDocument,
  references: References,
  protocols: readonly string[],
): Outline | null {
  const root = document.value;
  const targets = namedIn(member(root, 'targets'), protocols);
  const listeners = namedIn(member(member(root, 'gateway'), 'listeners'), protocols);
  const policyFiles = policiesSchema(references).safeParse(member(root, 'policies'), { error: issueText });
  if (targets === null || listeners === null || !policyFiles.success) return null;
  return {
    targets: targets.map(({ name, protocol }) => ({ name: targetName(name), protocol })),
    listeners: listeners.map(({ name, protocol }) => ({ name: listenerName(name), protocol })),
    policyFiles: policyFiles.data,
  };
}

interface Named {
  readonly name: string;
  readonly protocol: string;
}

function namedIn(list: unknown, protocols: readonly string[]): readonly Named[] | null {
  if (!Array.isArray(list)) return null;
  const named = list.flatMap((item: unknown): readonly Named[] => {
    const [name, protocol] = [member(item, 'name'), member(item, 'protocol')];
    const known = typeof name === 'string' && typeof protocol === 'string' && protocols.includes(protocol);
    return known ? [{ name, protocol }] : [];
  });
  return named.length === list.length ? named : null;
}

const member = (section: unknown, key: string): unknown =>
  typeof section === 'object' && section !== null && Object.hasOwn(section, key)
    ? Reflect.get(section, key)
    : undefined;
