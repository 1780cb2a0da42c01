import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Metadata } from '@grpc/grpc-js';
import { z } from 'zod';
import { canonicalIp, type SourceAddress } from '../../core/model/address.ts';
import type { Deny } from '../../core/model/decision.ts';
import { type ListenerName, listenerName, targetName } from '../../core/model/ids.ts';
import type { WorkerNumber } from '../../core/model/worker.ts';
import {
  type AnswerNotes,
  type ArrivedRequest,
  type Header,
  type RequestAnswer,
  routeKinds,
} from '../../protocols/request.ts';
import { answerReaderKey, answerReaderOf } from '../ext-proc/answer-metadata.ts';
import {
  basePathExtension,
  listenerMetadata,
  routeKindExtension,
  routePrefixExtension,
  targetExtension,
} from './listener-metadata.ts';

/** A TCP connection at the door: all that Envoy tells of it. */
export interface ConnectionAtDoor {
  readonly kind: 'connection';
  readonly source: SourceAddress;
  readonly listener: ListenerName;
}

export interface RequestAtDoor {
  readonly kind: 'request';
  readonly request: ArrivedRequest;
}

/** A question that cannot be answered with yes. */
export interface NotUnderstood {
  readonly kind: 'not-understood';
  readonly why: string;
}

const httpRequest = z.object({
  method: z.string(),
  path: z.string(),
  host: z.string().default(''),
  rawBody: z.instanceof(Buffer).default(() => Buffer.alloc(0)),
  headerMap: z.object({
    headers: z.array(
      z.object({
        key: z.string(),
        value: z.string().default(''),
        rawValue: z.instanceof(Buffer).default(() => Buffer.alloc(0)),
      }),
    ),
  }),
});

/** envoy.service.auth.v3.CheckRequest as the filters send it, in the shape that proto-loader gives messages. */
const checkRequest = z.object({
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
      certificate: z.string().default(''),
    }),
    request: z.object({ http: z.unknown() }).partial().optional(),
    contextExtensions: z
      .array(z.object({ key: z.string().default(''), value: z.string().default('') }))
      .default([]),
  }),
});

/** What a listener's name is made of. Node joins values that come under one name with commas, which are not in it. */
const oneName = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

const notUnderstood = (why: string): NotUnderstood => ({ kind: 'not-understood', why });

export function readCheckRequest(
  message: unknown,
  metadata: Metadata,
): ConnectionAtDoor | RequestAtDoor | NotUnderstood {
  const parsed = checkRequest.safeParse(message);
  if (!parsed.success) return notUnderstood('it has no source address with an IP and a port');
  const { source: peer, request, contextExtensions } = parsed.data.attributes;
  const [name] = metadata.get(listenerMetadata);
  if (typeof name !== 'string' || !oneName.test(name)) {
    return notUnderstood(`it does not name one listener in ${listenerMetadata}`);
  }
  const listener = listenerName(name);
  const { address, portValue } = peer.address.socketAddress;
  const source = { ip: canonicalIp(address), port: portValue };
  if (request?.http === undefined || request.http === null) return { kind: 'connection', source, listener };

  const asked = httpRequest.safeParse(request.http);
  if (!asked.success) return notUnderstood('its HTTP request cannot be read');
  const certificate = certificateIn(peer.certificate);
  if (certificate === 'unreadable') return notUnderstood('its client certificate cannot be read');
  const { method, path, host, rawBody: body, headerMap } = asked.data;
  const extension = (key: string): string => contextExtensions.find((each) => each.key === key)?.value ?? '';
  const target = extension(targetExtension);
  const kind = routeKinds.find((each) => each === extension(routeKindExtension));
  if (target !== '' && kind === undefined)
    return notUnderstood('its route does not say what it does with bodies');
  const route =
    target === '' || kind === undefined
      ? null
      : {
          target: targetName(target),
          prefix: extension(routePrefixExtension),
          basePath: extension(basePathExtension),
          kind,
        };
  const headers = headerMap.headers
    .map(
      ({ key, value, rawValue }): Header => ({
        name: key.toLowerCase(),
        value: rawValue.length > 0 ? rawValue.toString('latin1') : value,
      }),
    )
    .filter((header) => !header.name.startsWith(':'));
  return {
    kind: 'request',
    request: { listener, source, certificate, method, host, path, headers, body, route },
  };
}

/** Percent-encoded PEM; Envoy has verified it. */
function certificateIn(text: string): X509Certificate | null | 'unreadable' {
  if (text === '') return null;
  try {
    return new X509Certificate(decodeURIComponent(text));
  } catch {
    // OpenSSL's words would help nobody, and a certificate that we cannot read is nobody's.
    return 'unreadable';
  }
}

interface HeaderOption {
  /** Envoy does not look at `rawValue` here; what the gateway sets is ASCII. */
  readonly header: { readonly key: string; readonly value: string };
  readonly appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD';
}

/** envoy.service.auth.v3.CheckResponse as far as it is written here. */
export interface CheckResponse {
  /** google.rpc.Status with a google.rpc.Code. */
  readonly status: { readonly code: 0 | 7; readonly message: string };
  readonly okResponse?: {
    readonly headers: readonly HeaderOption[];
    readonly headersToRemove: readonly string[];
  };
  readonly deniedResponse?: {
    readonly status: { readonly code: number };
    readonly headers: readonly HeaderOption[];
    readonly body: string;
  };
  /** google.protobuf.Struct: what the access log says of it. */
  readonly dynamicMetadata?: { readonly fields: Readonly<Record<string, { readonly stringValue: string }>> };
}

export const admitted: CheckResponse = { status: { code: 0, message: '' } };

export const refused = ({ reason, message }: Pick<Deny, 'reason' | 'message'>): CheckResponse => ({
  status: { code: 7, message },
  dynamicMetadata: metadataOf({ reason }),
});

export function requestAnswered(answer: RequestAnswer, worker: WorkerNumber): CheckResponse {
  const reader =
    answer.kind === 'pass' && answer.answerIsRead ? { [answerReaderKey]: answerReaderOf(worker) } : {};
  const dynamicMetadata = metadataOf({ ...answer.notes, ...reader });
  if (answer.kind === 'pass') {
    return {
      status: { code: 0, message: '' },
      okResponse: { headers: answer.set.map(headerOption), headersToRemove: answer.remove },
      dynamicMetadata,
    };
  }
  return {
    status: { code: 7, message: '' },
    deniedResponse: {
      status: { code: answer.status },
      headers: answer.headers.map(headerOption),
      body: answer.body,
    },
    dynamicMetadata,
  };
}

const headerOption = ({ name, value }: Header): HeaderOption => ({
  header: { key: name, value },
  appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD',
});

const metadataOf = (notes: AnswerNotes): NonNullable<CheckResponse['dynamicMetadata']> => ({
  fields: Object.fromEntries(Object.entries(notes).map(([name, text]) => [name, { stringValue: text }])),
});
