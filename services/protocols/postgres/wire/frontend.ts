/**
 * What clients send, read strictly: every field is there and nothing is left over.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import { BodyReader } from './body.ts';
import { WireError } from './errors.ts';
import { headerBytes } from './frames.ts';

/** Type bytes of the messages that a client may send once the session runs. */
export const frontend = {
  bind: 0x42, // B
  close: 0x43, // C
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyFail: 0x66, // f
  describe: 0x44, // D
  execute: 0x45, // E
  flush: 0x48, // H
  functionCall: 0x46, // F
  parse: 0x50, // P
  password: 0x70, // p, which SASLInitialResponse and SASLResponse share
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
} as const;

export function readQuery(frame: Buffer): string {
  const body = new BodyReader(frame);
  const text = body.string();
  body.end();
  return text;
}

export interface Parse {
  readonly name: string;
  readonly text: string;
  /** Type OIDs of the first parameters; 0 leaves a type to the server. */
  readonly parameterTypes: readonly number[];
}

export function readParse(frame: Buffer): Parse {
  const body = new BodyReader(frame);
  const name = body.name();
  const text = body.string();
  const parameterTypes = readMany(body, () => body.uint32());
  body.end();
  return { name, text, parameterTypes };
}

export interface Bind {
  readonly portal: string;
  readonly statement: string;
  /** None: all text; one: for all; else one each. 0 is text, 1 is binary. */
  readonly parameterFormats: readonly number[];
  readonly parameters: readonly (Buffer | null)[];
  readonly resultFormats: readonly number[];
}

export function readBind(frame: Buffer): Bind {
  const body = new BodyReader(frame);
  const portal = body.name();
  const statement = body.name();
  const parameterFormats = readMany(body, () => readFormat(body));
  const parameters = readMany(body, () => body.nullableBytes());
  const resultFormats = readMany(body, () => readFormat(body));
  body.end();
  if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length) {
    throw new WireError(
      'malformed-message',
      'Bind has neither one format for all parameters nor one for each',
    );
  }
  return { portal, statement, parameterFormats, parameters, resultFormats };
}

/** The format of the nth value, as the protocol lets clients abbreviate the list. */
export function formatOf(formats: readonly number[], index: number): number {
  if (formats.length === 0) return 0;
  return (formats.length === 1 ? formats[0] : formats[index]) ?? 0;
}

export interface Named {
  readonly kind: 'statement' | 'portal';
  readonly name: string;
}

/** Describe and Close have the same fields. */
export function readNamed(frame: Buffer): Named {
  const body = new BodyReader(frame);
  const kind = body.byte();
  const name = body.name();
  body.end();
  if (kind === 0x53) return { kind: 'statement', name };
  if (kind === 0x50) return { kind: 'portal', name };
  throw new WireError('malformed-message', 'Describe and Close name a statement (S) or a portal (P)');
}

export interface Execute {
  readonly portal: string;
  /** 0 is no limit. */
  readonly maxRows: number;
}

export function readExecute(frame: Buffer): Execute {
  const body = new BodyReader(frame);
  const portal = body.name();
  const maxRows = body.int32();
  body.end();
  return { portal, maxRows };
}

/** Sync, Flush, Terminate and CopyDone are their header alone. */
export function readEmpty(frame: Buffer): void {
  if (frame.length !== headerBytes) {
    throw new WireError('malformed-message', 'a message without fields has bytes after its header');
  }
}

/** The password as raw bytes: a token in ASCII, whatever else it may be. */
export function readPassword(frame: Buffer): string {
  const body = new BodyReader(frame);
  const password = body.string();
  body.end();
  return password;
}

export interface SaslInitialResponse {
  readonly mechanism: string;
  /** Null when the client wants to be asked for it. */
  readonly response: Buffer | null;
}

/** The first answer to AuthenticationSASL; like all others of a login, it has the type of a password. */
export function readSaslInitialResponse(frame: Buffer): SaslInitialResponse {
  const body = new BodyReader(frame);
  const mechanism = body.string();
  const response = body.nullableBytes();
  body.end();
  return { mechanism, response };
}

/** A SASLResponse is bytes of the mechanism, and nothing else. */
export const readSaslResponse = (frame: Buffer): Buffer => frame.subarray(headerBytes);

function readMany<Value>(body: BodyReader, read: () => Value): readonly Value[] {
  const count = body.uint16();
  const values: Value[] = [];
  for (let index = 0; index < count; index++) values.push(read());
  return values;
}

function readFormat(body: BodyReader): number {
  const format = body.uint16();
  if (format > 1)
    throw new WireError('malformed-message', `format code ${format} is neither text nor binary`);
  return format;
}
