/** envoy.service.ext_proc.v3, as protos/ declares it: the part that is read and written here. */
import type { AnswerHead, Header, HeaderChanges, OwnAnswer } from '../../protocols/request.ts';
import { readHeaders } from '../header-map.ts';
import {
  bytesField,
  messageAround,
  numberField,
  textField,
  toBytes,
  WireReader,
  type Written,
} from '../wire.ts';
import { readerKey, readsStreamsAlone, ruledBy } from './answer-metadata.ts';

/** What ext_authz was told of the request; null when it was not told. */
export interface Exchange {
  readonly action: string | null;
  readonly session: string | null;
  /** Whether nothing else is wanted but that it ends with its session. */
  readonly isKept: boolean;
}

export type ProcessingRequest =
  | { readonly kind: 'request-head'; readonly exchange: Exchange }
  | { readonly kind: 'request-body'; readonly body: Buffer; readonly isLast: boolean }
  | { readonly kind: 'request-trailers' }
  | {
      readonly kind: 'head';
      readonly head: AnswerHead;
      readonly exchange: Exchange;
      /** Envoy's word for where the answer comes from (its manual, "Response code details"); null when it says none. */
      readonly codeDetails: string | null;
    }
  | { readonly kind: 'body'; readonly body: Buffer; readonly isLast: boolean }
  | { readonly kind: 'trailers'; readonly headers: readonly Header[] }
  /** Nothing that Envoy was asked to send. */
  | { readonly kind: 'other' };

/** @throws WireError */
export function readProcessingRequest(bytes: Buffer): ProcessingRequest {
  const reader = new WireReader(bytes);
  let head: AnswerHead | null = null;
  let isRequest = false;
  let exchange: Exchange = { action: null, session: null, isKept: false };
  let codeDetails: string | null = null;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) isRequest = true;
    else if (field === 3) head = readHead(reader.message());
    else if (field === 4) return { kind: 'request-body', ...readBody(reader.message()) };
    else if (field === 5) return { kind: 'body', ...readBody(reader.message()) };
    else if (field === 6) return { kind: 'request-trailers' };
    else if (field === 7) return { kind: 'trailers', headers: readTrailers(reader.message()) };
    else if (field === 8) exchange = exchangeIn(reader.message());
    else if (field === 9)
      codeDetails = structEntry(reader.message(), () => true)?.get('response.code_details') ?? codeDetails;
  }
  if (head !== null) return { kind: 'head', head, exchange, codeDetails };
  return isRequest ? { kind: 'request-head', exchange } : { kind: 'other' };
}

function readHead(reader: WireReader): AnswerHead {
  let headers: readonly Header[] = [];
  let hasBody = true;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) headers = readHeaders(reader.message());
    else if (field === 3) hasBody = !reader.bool();
  }
  return {
    status: Number(headers.find(({ name }) => name === ':status')?.value ?? 0),
    headers: headers.filter(({ name }) => !name.startsWith(':')),
    hasBody,
  };
}

function readBody(reader: WireReader): { readonly body: Buffer; readonly isLast: boolean } {
  let body: Buffer = Buffer.alloc(0);
  let isLast = false;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) body = reader.bytes();
    else if (field === 2) isLast = reader.bool();
  }
  return { body, isLast };
}

function readTrailers(reader: WireReader): readonly Header[] {
  let headers: readonly Header[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) headers = readHeaders(reader.message());
  }
  return headers;
}

/** envoy.config.core.v3.Metadata. */
function exchangeIn(reader: WireReader): Exchange {
  let texts: ReadonlyMap<string, string> = new Map();
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) texts = structEntry(reader.message(), (filter) => filter === ruledBy) ?? texts;
  }
  return {
    action: texts.get('action') ?? null,
    session: texts.get('session') ?? null,
    isKept: readsStreamsAlone(texts.get(readerKey) ?? ''),
  };
}

/** Of an entry of a map<string, Struct>: the texts in the Struct, when it stands under a key that is wanted. */
function structEntry(
  reader: WireReader,
  wanted: (key: string) => boolean,
): ReadonlyMap<string, string> | null {
  let isWanted = false;
  let texts: ReadonlyMap<string, string> = new Map();
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) isWanted = wanted(reader.text());
    else if (field === 2) texts = textsIn(reader.message());
  }
  return isWanted ? texts : null;
}

/** google.protobuf.Struct. */
function textsIn(reader: WireReader): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field !== 1) continue;
    const entry = reader.message();
    let key = '';
    let text: string | null = null;
    for (let part = entry.next(); part !== 0; part = entry.next()) {
      if (part === 1) key = entry.text();
      else if (part === 2) text = stringValue(entry.message());
    }
    if (text !== null) texts.set(key, text);
  }
  return texts;
}

/** google.protobuf.Value. */
function stringValue(reader: WireReader): string | null {
  let text: string | null = null;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 3) text = reader.text();
  }
  return text;
}

const overwriteIfExists = numberField(3, 2);
/** google.protobuf.BoolValue. */
const append = bytesField(2, numberField(1, 1));

/** envoy.config.core.v3.HeaderValueOption: the first of a name takes the place of what is there, the others are added. */
function headerOptions(headers: readonly Header[]): readonly Written[] {
  const seen = new Set<string>();
  return headers.map(({ name, value }) => {
    const header = bytesField(1, name) + bytesField(3, value);
    const how = seen.has(name) ? append : overwriteIfExists;
    seen.add(name);
    return bytesField(1, header) + how;
  });
}

/** HeaderMutation. */
const headerMutation = ({ set, remove }: HeaderChanges): Written =>
  headerOptions(set)
    .map((option) => bytesField(1, option))
    .join('') + remove.map((name) => bytesField(2, name)).join('');

/** What is sent back: one encoded ProcessingResponse. */
export type ProcessingResponse = Buffer;

const headResponse = (direction: 1 | 2, changes: HeaderChanges): ProcessingResponse =>
  toBytes(bytesField(direction, bytesField(1, bytesField(2, headerMutation(changes)))));

/** The field for whether it is the last stands before that of the bytes. */
const bodyResponse = (direction: 3 | 4, body: Buffer, isLast: boolean): ProcessingResponse =>
  messageAround([direction, 1, 3, 3, 1], numberField(2, isLast ? 1 : 0), body);

const trailersResponse = (direction: 5 | 6, changes: HeaderChanges): ProcessingResponse =>
  toBytes(bytesField(direction, bytesField(1, headerMutation(changes))));

const unchanged: HeaderChanges = { set: [], remove: [] };

export const requestHeadUnchanged: ProcessingResponse = headResponse(1, unchanged);

export const requestBodyPart = (body: Buffer, isLast: boolean): ProcessingResponse =>
  bodyResponse(3, body, isLast);

export const requestTrailersUnchanged: ProcessingResponse = trailersResponse(5, unchanged);

export const headChanged = (changes: HeaderChanges): ProcessingResponse => headResponse(2, changes);

export const headUnchanged: ProcessingResponse = headChanged(unchanged);

export const bodyPart = (body: Buffer, isLast: boolean): ProcessingResponse => bodyResponse(4, body, isLast);

export const trailersChanged = (changes: HeaderChanges): ProcessingResponse => trailersResponse(6, changes);

export const trailersUnchanged: ProcessingResponse = trailersChanged(unchanged);

/** @param insideStatus which `local_reply_config` turns into the answer's own (envoy/own-replies.ts), so that it leaves the body alone */
export const ownAnswer = ({ headers, body }: OwnAnswer, insideStatus: number): ProcessingResponse =>
  toBytes(
    bytesField(
      7,
      bytesField(1, numberField(1, insideStatus)) +
        bytesField(2, headerMutation({ set: headers, remove: [] })) +
        textField(3, body) +
        textField(5, 'refused_by_gateway'),
    ),
  );
