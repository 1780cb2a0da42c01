/**
 * What `sallyport up` and a gateway process say to each other, over the channel that Node's spawn makes (`ipc`). When the
 * channel ends without a word ('disconnect'), its supervisor was killed, and the gateway process ends itself.
 */
import { z } from 'zod';

/** What a gateway process is told. */
export const toGateway = z.discriminatedUnion('kind', [
  /** End the sessions in their own words, flush what is to be written, and exit with status 0. */
  z.strictObject({ kind: z.literal('stop') }),
  /** Read the config and the policies again. */
  z.strictObject({ kind: z.literal('reload') }),
]);
export type ToGateway = z.output<typeof toGateway>;

/** What a gateway process tells. */
export const fromGateway = z.discriminatedUnion('kind', [
  /** Its sockets are bound: Envoy may be started. */
  z.strictObject({ kind: z.literal('ready') }),
  /** The config was read again, and holds. With `settingsChanged`, Envoy's part may be another. */
  z.strictObject({ kind: z.literal('reloaded'), settingsChanged: z.boolean() }),
  /** It cannot start, and ends. Each problem is one line for a person, with its place when it is in a file. */
  z.strictObject({ kind: z.literal('failed'), problems: z.array(z.string()) }),
]);
export type FromGateway = z.output<typeof fromGateway>;
