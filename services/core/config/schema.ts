import { z } from 'zod';
import { suggestion } from '../model/nearest.ts';
import type {
  IdentitySettings,
  ListenerOauthSettings,
  ListenerSettings,
  Settings,
} from '../model/settings.ts';
import { defaults } from './defaults.ts';
import { type ConfigParts, configParts, follow } from './parts.ts';
import { policyPattern, policyPatternWanted } from './policy-files.ts';
import type { References } from './references.ts';
import { approvalsSchema } from './sections/approvals.ts';
import { auditSchema } from './sections/audit.ts';
import { consoleSchema } from './sections/console.ts';
import { gatewaySchema, listenerLimits, type WrittenListener } from './sections/gateway.ts';
import { identitySchema } from './sections/identity.ts';
import { type TargetProtocol, targetsSchema } from './sections/targets.ts';

/** sallyport.yaml -> `Settings`. What concerns several places of the file at once is in `whole-file.ts`. */
export function configSchema(protocols: readonly TargetProtocol[], references: References) {
  const parts = configParts(references);
  const names = protocols.filter(({ name, listeners }) => name === listeners).map(({ name }) => name);
  return z
    .strictObject({
      gateway: gatewaySchema(parts, references, names),
      identity: identitySchema(parts),
      targets: targetsSchema(parts, protocols),
      policies: policiesSchema(references),
      approvals: approvalsSchema(references).prefault({}),
      audit: auditSchema(parts).prefault({}),
      console: consoleSchema.prefault({}),
      limits: limitsSchema(parts).prefault({}),
    })
    .transform(
      ({ gateway, policies, limits, ...sections }, context): Settings => ({
        ...sections,
        gateway: {
          ...gateway,
          listeners: gateway.listeners.map((written, index) => {
            const oauth = withIssuer(written, index, sections.identity, context);
            const listener = { ...withLimits(written, limits.listener), oauth };
            addFault(protocols, listener, index, context);
            return listener;
          }),
        },
        policyFiles: policies,
      }),
    );
}

function addFault(
  protocols: readonly TargetProtocol[],
  listener: ListenerSettings,
  index: number,
  context: z.RefinementCtx,
): void {
  const fault = protocols.find(({ name }) => name === listener.protocol)?.listenerFault?.(listener);
  if (!fault) return;
  context.addIssue({
    code: 'custom',
    path: ['gateway', 'listeners', index, ...fault.path],
    message: fault.message,
  });
}

export const policiesSchema = (references: References) =>
  z
    .array(
      z
        .string({ error: policyPatternWanted })
        .regex(policyPattern, { error: policyPatternWanted })
        .meta({ examples: ['policies/*.yaml', 'policies/shop.ts'] })
        .transform((pattern, context) => follow(references.policyFiles(pattern), context)),
    )
    .default([])
    // A file that two patterns name is one policy file, in the place where it was named first.
    .transform((files) => [...new Set(files.flat())])
    .meta({
      description: 'Policy files, YAML or TypeScript, relative to this file; * stands for any part of a name',
    });

function limitsSchema(parts: ConfigParts) {
  const { maxConnections, connectionsPerSecond, idleTimeout } = listenerLimits(parts);
  return z
    .strictObject({
      listener: z
        .strictObject({
          maxConnections: maxConnections.default(defaults.maxConnections),
          connectionsPerSecond: connectionsPerSecond.default(defaults.connectionsPerSecond),
          idleTimeout: idleTimeout.prefault(defaults.idleTimeout),
        })
        .prefault({})
        .meta({ description: 'For each listener that does not say otherwise' }),
    })
    .meta({ description: 'Limits of the whole gateway. Those of sessions and rows are set by policies' });
}

const withLimits = (
  listener: WrittenListener,
  limits: {
    readonly maxConnections: number;
    readonly connectionsPerSecond: number;
    readonly idleTimeout: number;
  },
): Omit<ListenerSettings, 'oauth'> => ({
  ...listener,
  maxConnections: listener.maxConnections ?? limits.maxConnections,
  connectionsPerSecond: listener.connectionsPerSecond ?? limits.connectionsPerSecond,
  idleTimeoutMs: listener.idleTimeoutMs ?? limits.idleTimeout,
});

function withIssuer(
  { oauth }: WrittenListener,
  index: number,
  { issuers }: IdentitySettings,
  context: z.RefinementCtx,
): ListenerOauthSettings | null {
  if (oauth === null) return null;
  const { issuer: name, ...rest } = oauth;
  const issuer = issuers.find((each) => each.name === name);
  if (issuer !== undefined) return { ...rest, issuerUrl: issuer.url };
  context.addIssue({
    code: 'custom',
    path: ['gateway', 'listeners', index, 'oauth', 'issuer'],
    message: `is none of identity.issuers${suggestion(
      name,
      issuers.map((each) => each.name),
    )}`,
  });
  return z.NEVER;
}
