import { isIP } from 'node:net';
import type { Metadata } from '@grpc/grpc-js';
import { z } from 'zod';
import { canonicalIp, type SourceAddress } from '../../core/model/address.ts';
import type { Deny } from '../../core/model/decision.ts';
import { type ListenerName, listenerName } from '../../core/model/ids.ts';
import { listenerMetadata } from './listener-metadata.ts';

/** A TCP connection at the door: all that Envoy tells of it. */
export interface ConnectionAtDoor {
  readonly source: SourceAddress;
  readonly listener: ListenerName;
}

/** A question that cannot be answered with yes. */
export interface NotUnderstood {
  readonly notUnderstood: string;
}

/** envoy.service.auth.v3.CheckRequest as the network filter sends it, in the shape that proto-loader gives messages. */
const connectionCheck = z.object({
  attributes: z.object({
    source: z.object({
      address: z.object({
        socketAddress: z.object({
          // A link-local address may come with its zone (RFC 4007 section 11), which is of no use to policies.
          address: z
            .string()
            .transform((text) => text.replace(/%.*$/, ''))
            .refine((text) => isIP(text) !== 0),
          portValue: z.int().min(1).max(65_535),
        }),
      }),
    }),
    request: z.object({ http: z.unknown() }).partial().optional(),
  }),
});

/** What a listener's name is made of. Node joins values that come under one name with commas, which are not in it. */
const oneName = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

export function readCheckRequest(message: unknown, metadata: Metadata): ConnectionAtDoor | NotUnderstood {
  const parsed = connectionCheck.safeParse(message);
  if (!parsed.success) return { notUnderstood: 'it has no source address with an IP and a port' };
  const { source, request } = parsed.data.attributes;
  if (request?.http !== undefined) return { notUnderstood: 'it is about an HTTP request' };
  const [listener] = metadata.get(listenerMetadata);
  if (typeof listener !== 'string' || !oneName.test(listener)) {
    return { notUnderstood: `it does not name one listener in ${listenerMetadata}` };
  }
  const { address, portValue } = source.address.socketAddress;
  return { source: { ip: canonicalIp(address), port: portValue }, listener: listenerName(listener) };
}

/** envoy.service.auth.v3.CheckResponse as far as it is written here. */
export interface CheckResponse {
  /** google.rpc.Status with a google.rpc.Code. */
  readonly status: { readonly code: 0 | 7; readonly message: string };
  /** google.protobuf.Struct: what the access log says about a refusal. */
  readonly dynamicMetadata?: { readonly fields: { readonly reason: { readonly stringValue: string } } };
}

export const admitted: CheckResponse = { status: { code: 0, message: '' } };

export const refused = ({ reason, message }: Pick<Deny, 'reason' | 'message'>): CheckResponse => ({
  status: { code: 7, message },
  dynamicMetadata: { fields: { reason: { stringValue: reason } } },
});
