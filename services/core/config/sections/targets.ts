import { z } from 'zod';
import { targetName } from '../../model/ids.ts';
import type { ListenerSettings, TargetSettings } from '../../model/settings.ts';
import { maxTargetNameCharacters } from '../limits.ts';
import type { ConfigParts } from '../parts.ts';

/** What config asks of a protocol; `Protocol` in `protocols/protocol.ts` has it. */
export interface TargetProtocol {
  readonly name: string;
  /** What clients speak on the listeners that lead to its targets. */
  readonly listeners: string;
  /** A strict object without `name` and `protocol`, which stand beside its keys. */
  targetSchema(parts: ConfigParts): z.ZodType;
  /** What of a listener's settings does not go with the protocol; null when all does. */
  listenerFault?(
    listener: ListenerSettings,
  ): { readonly path: readonly string[]; readonly message: string } | null;
}

export function targetsSchema(parts: ConfigParts, protocols: readonly TargetProtocol[]) {
  const targets = protocols.map((protocol) =>
    z.intersection(headSchema(protocol.name), protocol.targetSchema(parts)).transform(
      ({ name, protocol: speaks, ...settings }): TargetSettings => ({
        name: targetName(name),
        protocol: speaks,
        listeners: protocol.listeners,
        settings,
      }),
    ),
  );
  return z.array(z.union(targets)).min(1).meta({ description: 'What can be reached through this gateway' });
}

const headSchema = (protocol: string) =>
  z.strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, { error: 'must be made of letters, digits, "_", "." and "-"' })
      .max(maxTargetNameCharacters)
      .meta({
        description: 'Names the target in policies, and is what clients ask for (the database name of psql)',
        examples: ['shop'],
      }),
    protocol: z.literal(protocol).meta({ description: 'What the target speaks', examples: [protocol] }),
  });
