/** envoy.service.ext_proc.v3, as protos/ declares it: the part that is read and written here. */
import type { AnswerHead, Header, HeaderChanges, OwnAnswer } from '../../protocols/request.ts';
import { readHeaders } from '../header-map.ts';
import { bytesField, latin1Field, message, numberField, WireReader } from '../wire.ts';
import { ruledBy } from './answer-metadata.ts';

export type ProcessingRequest =
  | {
      readonly kind: 'head';
      readonly head: AnswerHead;
      /** The action whose answer it is, as ext_authz was told; null when it was told none. */
      readonly action: string | null;
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
  let action: string | null = null;
  let codeDetails: string | null = null;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 3) head = readHead(reader.message());
    else if (field === 5) return readBody(reader.message());
    else if (field === 7) return { kind: 'trailers', headers: readTrailers(reader.message()) };
    else if (field === 8) action = actionIn(reader.message());
    else if (field === 9)
      codeDetails = structEntry(reader.message(), () => true, 'response.code_details') ?? codeDetails;
  }
  return head === null ? { kind: 'other' } : { kind: 'head', head, action, codeDetails };
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

function readBody(reader: WireReader): ProcessingRequest {
  let body: Buffer = Buffer.alloc(0);
  let isLast = false;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) body = reader.bytes();
    else if (field === 2) isLast = reader.bool();
  }
  return { kind: 'body', body, isLast };
}

function readTrailers(reader: WireReader): readonly Header[] {
  let headers: readonly Header[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) headers = readHeaders(reader.message());
  }
  return headers;
}

/** envoy.config.core.v3.Metadata. */
function actionIn(reader: WireReader): string | null {
  let action: string | null = null;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1)
      action = structEntry(reader.message(), (filter) => filter === ruledBy, 'action') ?? action;
  }
  return action;
}

/** Of an entry of a map<string, Struct>: the text that stands under a key of the Struct. */
function structEntry(reader: WireReader, wanted: (key: string) => boolean, key: string): string | null {
  let isWanted = false;
  let text: string | null = null;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) isWanted = wanted(reader.text());
    else if (field === 2) text = textIn(reader.message(), key);
  }
  return isWanted ? text : null;
}

/** google.protobuf.Struct. */
function textIn(reader: WireReader, key: string): string | null {
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field !== 1) continue;
    const entry = reader.message();
    let isWanted = false;
    let text: string | null = null;
    for (let part = entry.next(); part !== 0; part = entry.next()) {
      if (part === 1) isWanted = entry.text() === key;
      else if (part === 2) text = stringValue(entry.message());
    }
    if (isWanted) return text;
  }
  return null;
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
function headerOptions(headers: readonly Header[]): readonly Buffer[] {
  const seen = new Set<string>();
  return headers.map(({ name, value }) => {
    const header = message(latin1Field(1, name), latin1Field(3, value));
    const how = seen.has(name) ? append : overwriteIfExists;
    seen.add(name);
    return message(bytesField(1, header), how);
  });
}

/** HeaderMutation. */
const headerMutation = ({ set, remove }: HeaderChanges): Buffer =>
  message(
    ...headerOptions(set).map((option) => bytesField(1, option)),
    ...remove.map((name) => latin1Field(2, name)),
  );

/** What is sent back: one encoded ProcessingResponse. */
export type ProcessingResponse = Buffer;

export const headChanged = (changes: HeaderChanges): ProcessingResponse =>
  bytesField(2, bytesField(1, bytesField(2, headerMutation(changes))));

export const headUnchanged: ProcessingResponse = headChanged({ set: [], remove: [] });

export const bodyPart = (body: Buffer, isLast: boolean): ProcessingResponse => {
  const streamed = message(bytesField(1, body), numberField(2, isLast ? 1 : 0));
  return bytesField(4, bytesField(1, bytesField(3, bytesField(3, streamed))));
};

export const trailersChanged = (changes: HeaderChanges): ProcessingResponse =>
  bytesField(6, bytesField(1, headerMutation(changes)));

export const trailersUnchanged: ProcessingResponse = trailersChanged({ set: [], remove: [] });

/** @param insideStatus which `local_reply_config` turns into the answer's own (envoy/own-replies.ts), so that it leaves the body alone */
export const ownAnswer = ({ headers, body }: OwnAnswer, insideStatus: number): ProcessingResponse =>
  bytesField(
    7,
    message(
      bytesField(1, numberField(1, insideStatus)),
      bytesField(2, headerMutation({ set: headers, remove: [] })),
      bytesField(3, Buffer.from(body)),
      latin1Field(5, 'refused_by_gateway'),
    ),
  );
