import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Metadata } from '@grpc/grpc-js';
import { canonicalIp, type SourceAddress } from '../../core/model/address.ts';
import type { Deny } from '../../core/model/decision.ts';
import { type ListenerName, listenerName, targetName } from '../../core/model/ids.ts';
import type { WorkerNumber } from '../../core/model/worker.ts';
import { type ArrivedRequest, type RequestAnswer, routeKinds } from '../../protocols/request.ts';
import { readerKey, readerOf } from '../ext-proc/answer-metadata.ts';
import { WireError } from '../wire.ts';
import { type CheckQuestion, type CheckResponse, readCheck } from './check-codec.ts';
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

/** What a listener's name is made of. Node joins values that come under one name with commas, which are not in it. */
const oneName = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

const notUnderstood = (why: string): NotUnderstood => ({ kind: 'not-understood', why });

export function readCheckRequest(
  message: Buffer,
  metadata: Metadata,
): ConnectionAtDoor | RequestAtDoor | NotUnderstood {
  const question = readOrNull(message);
  // A link-local address may come with its zone (RFC 4007 section 11), which is of no use to policies.
  const address = question?.address.replace(/%.*$/, '') ?? '';
  const port = question?.port ?? 0;
  if (question === null || isIP(address) === 0 || port < 1 || port > 65_535) {
    return notUnderstood('it has no source address with an IP and a port');
  }
  const [name] = metadata.get(listenerMetadata);
  if (typeof name !== 'string' || !oneName.test(name)) {
    return notUnderstood(`it does not name one listener in ${listenerMetadata}`);
  }
  const listener = listenerName(name);
  const source = { ip: canonicalIp(address), port };
  if (question.http === null) return { kind: 'connection', source, listener };

  const { method, path, host, body, headers: allHeaders } = question.http;
  if (method === '' || path === '' || allHeaders === null)
    return notUnderstood('its HTTP request cannot be read');
  const certificate = certificateIn(question.certificate);
  if (certificate === 'unreadable') return notUnderstood('its client certificate cannot be read');
  const extension = (key: string): string => question.extensions.get(key) ?? '';
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
  const headers = allHeaders.filter((header) => !header.name.startsWith(':'));
  return {
    kind: 'request',
    request: { listener, source, certificate, method, host, path, headers, body, route },
  };
}

function readOrNull(message: Buffer): CheckQuestion | null {
  try {
    return readCheck(message);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
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

export const admitted: CheckResponse = { code: 0, message: '', verdict: { kind: 'none' }, metadata: null };

export const refused = ({ reason, message }: Pick<Deny, 'reason' | 'message'>): CheckResponse => ({
  code: 7,
  message,
  verdict: { kind: 'none' },
  metadata: { reason },
});

export function requestAnswered(answer: RequestAnswer, worker: WorkerNumber): CheckResponse {
  if (answer.kind === 'pass') {
    const { set, remove, notes, reading } = answer;
    const reader = reading === 'nothing' ? {} : { [readerKey]: readerOf(worker, reading) };
    return { code: 0, message: '', verdict: { kind: 'ok', set, remove }, metadata: { ...notes, ...reader } };
  }
  const { status, headers, body, notes } = answer;
  return { code: 7, message: '', verdict: { kind: 'denied', status, headers, body }, metadata: notes };
}
