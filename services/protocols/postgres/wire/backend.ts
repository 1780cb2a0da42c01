/**
 * What servers send: the messages that are read or rewritten, and those that the gateway says itself.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import { BodyReader } from './body.ts';
import { headerBytes } from './frames.ts';

export const backend = {
  authentication: 0x52, // R
  backendKeyData: 0x4b, // K
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  commandComplete: 0x43, // C
  copyBothResponse: 0x57, // W
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyInResponse: 0x47, // G
  copyOutResponse: 0x48, // H
  dataRow: 0x44, // D
  emptyQueryResponse: 0x49, // I
  errorResponse: 0x45, // E
  negotiateProtocolVersion: 0x76, // v
  noData: 0x6e, // n
  noticeResponse: 0x4e, // N
  notificationResponse: 0x41, // A
  parameterDescription: 0x74, // t
  parameterStatus: 0x53, // S
  parseComplete: 0x31, // 1
  portalSuspended: 0x73, // s
  readyForQuery: 0x5a, // Z
  rowDescription: 0x54, // T
} as const;

/** One message: header and the parts of its body one after the other. */
export function frameOf(type: number, ...parts: readonly (Buffer | string | number[])[]): Buffer {
  const body = parts.map((part) =>
    typeof part === 'string' ? Buffer.from(`${part}\0`, 'utf8') : Buffer.from(part),
  );
  const length = 4 + body.reduce((sum, part) => sum + part.length, 0);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(type);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, ...body]);
}

export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};

/** AuthenticationSASL, which offers one mechanism. */
export const authenticationSasl = (mechanism: string): Buffer =>
  frameOf(backend.authentication, int32(10), mechanism, [0]);

export const authenticationSaslContinue = (data: string): Buffer =>
  frameOf(backend.authentication, int32(11), Buffer.from(data));

/** Transaction status in ReadyForQuery: idle, in a transaction, in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

export const readyForQuery = (status: TransactionStatus): Buffer =>
  frameOf(backend.readyForQuery, Buffer.from(status, 'latin1'));

export function readTransactionStatus(frame: Buffer): TransactionStatus | null {
  const status = String.fromCharCode(frame[headerBytes] ?? 0);
  return frame.length === headerBytes + 1 && (status === 'I' || status === 'T' || status === 'E')
    ? status
    : null;
}

/** https://www.postgresql.org/docs/current/protocol-error-fields.html: one letter a field. */
export type MessageFields = ReadonlyMap<string, string>;

export function readMessageFields(frame: Buffer): MessageFields {
  const body = new BodyReader(frame);
  const fields = new Map<string, string>();
  for (let letter = body.byte(); letter !== 0; letter = body.byte()) {
    // Servers speak before the encoding is agreed (FATAL while starting up), so bad bytes are shown, not refused.
    fields.set(String.fromCharCode(letter), body.stringBytes().toString('utf8'));
  }
  body.end();
  return fields;
}

export type Severity = 'ERROR' | 'FATAL' | 'NOTICE' | 'WARNING';

/** What the gateway says in its own name. */
export interface OwnMessage {
  readonly severity: Severity;
  readonly sqlState: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Of the character in the client's text that it is about, from 1. */
  readonly position?: number;
}

/** NUL ends a field, so it cannot stand in one. */
const field = (letter: string, text: string): Buffer =>
  Buffer.from(`${letter}${text.replaceAll('\0', '\ufffd')}\0`);

export function ownMessage(say: OwnMessage): Buffer {
  const { severity, sqlState, message, detail, hint, position } = say;
  const isError = severity === 'ERROR' || severity === 'FATAL';
  return frameOf(
    isError ? backend.errorResponse : backend.noticeResponse,
    field('S', severity),
    field('V', severity),
    field('C', sqlState),
    field('M', message),
    ...(detail === undefined ? [] : [field('D', detail)]),
    ...(hint === undefined ? [] : [field('H', hint)]),
    ...(position === undefined ? [] : [field('P', String(position))]),
    [0],
  );
}

/** ErrorResponse or NoticeResponse (the type of `like`) with these fields. */
export function messageWithFields(type: number, fields: MessageFields): Buffer {
  return frameOf(type, ...[...fields].map(([letter, text]) => field(letter, text)), [0]);
}

export const parameterStatus = (name: string, value: string): Buffer =>
  frameOf(backend.parameterStatus, name, value);

export function readParameterStatus(frame: Buffer): { readonly name: string; readonly value: string } {
  const body = new BodyReader(frame);
  const name = body.string();
  const value = body.string();
  body.end();
  return { name, value };
}

/** One column of a RowDescription. Table and attribute are 0 for a computed column. */
export interface FieldDescription {
  readonly name: string;
  readonly tableOid: number;
  /** Negative for a system column (ctid, xmin). */
  readonly attributeNumber: number;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** 0 text, 1 binary; in the answer to Describe of a statement always 0, which means not yet known. */
  readonly format: number;
}

export function readRowDescription(frame: Buffer): readonly FieldDescription[] {
  const body = new BodyReader(frame);
  const count = body.uint16();
  const fields: FieldDescription[] = [];
  for (let index = 0; index < count; index++) {
    const name = body.stringBytes().toString('utf8');
    const tableOid = body.uint32();
    const attributeNumber = body.int16();
    const typeOid = body.uint32();
    body.uint16(); // The type's size says nothing that its OID does not.
    const typeModifier = body.int32();
    const format = body.uint16();
    fields.push({ name, tableOid, attributeNumber, typeOid, typeModifier, format });
  }
  body.end();
  return fields;
}

/** Type OIDs in a ParameterDescription. */
export function readParameterDescription(frame: Buffer): readonly number[] {
  const body = new BodyReader(frame);
  const count = body.uint16();
  const types: number[] = [];
  for (let index = 0; index < count; index++) types.push(body.uint32());
  body.end();
  return types;
}

/** CopyInResponse and CopyOutResponse: overall and each column's format. */
export function readCopyResponse(frame: Buffer): { readonly binary: boolean; readonly columns: number } {
  const body = new BodyReader(frame);
  const binary = body.byte() === 1;
  const columns = body.uint16();
  for (let index = 0; index < columns; index++) body.uint16();
  body.end();
  return { binary, columns };
}

/** `SELECT 5`, `INSERT 0 1`: the tag as the server wrote it. */
export function readCommandTag(frame: Buffer): string {
  const body = new BodyReader(frame);
  const tag = body.stringBytes().toString('utf8');
  body.end();
  return tag;
}

export interface Notification {
  readonly processId: number;
  readonly channel: string;
  readonly payload: string;
}

export function readNotification(frame: Buffer): Notification {
  const body = new BodyReader(frame);
  const processId = body.int32();
  const channel = body.string();
  const payload = body.string();
  body.end();
  return { processId, channel, payload };
}

export const notification = (say: Notification): Buffer =>
  frameOf(backend.notificationResponse, int32(say.processId), say.channel, say.payload);
