/**
 * The packets before the first message: no type byte, an Int32 length and an Int32 code.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
 */
import { BodyReader } from './body.ts';
import { WireError } from './errors.ts';
import { maxStartupPacketBytes } from './limits.ts';

/** Codes that stand where a version would; the high half 1234 is no version. */
export const sslRequestCode = 80_877_103;
export const gssEncRequestCode = 80_877_104;
export const cancelRequestCode = 80_877_102;

const protocolMajor = 3;
/** 3.2 (PostgreSQL 18) has longer cancel keys; otherwise it is 3.0. */
export const newestMinor = 2;

/** Cancel keys: 4 bytes in 3.0, up to 256 in 3.2. */
const maxCancelKeyBytes = 256;

export interface CancelKey {
  readonly processId: number;
  readonly secret: Buffer;
}

export type StartupPacket =
  | { readonly kind: 'ssl-request' }
  | { readonly kind: 'gss-request' }
  | { readonly kind: 'cancel'; readonly key: CancelKey }
  | {
      readonly kind: 'startup';
      /** The minor version that the client asked for. */
      readonly minor: number;
      /** In the order sent, without duplicates. */
      readonly parameters: ReadonlyMap<string, string>;
    };

/**
 * How long the packet at the beginning of these bytes is; null when fewer than four are there.
 * @throws WireError `impossible-length`, `frame-too-long`
 */
export function startupPacketBytes(bytes: Buffer): number | null {
  if (bytes.length < 4) return null;
  const length = bytes.readUInt32BE(0);
  if (length < 8) throw new WireError('impossible-length', `a start-up packet claims ${length} bytes`);
  if (length > maxStartupPacketBytes) {
    throw new WireError(
      'frame-too-long',
      `a start-up packet claims ${length} bytes; ${maxStartupPacketBytes} is most`,
    );
  }
  return length;
}

/** @throws WireError */
export function readStartupPacket(packet: Buffer): StartupPacket {
  const body = new BodyReader(packet, 4);
  const code = body.uint32();
  switch (code) {
    case sslRequestCode:
      body.end();
      return { kind: 'ssl-request' };
    case gssEncRequestCode:
      body.end();
      return { kind: 'gss-request' };
    case cancelRequestCode:
      return { kind: 'cancel', key: readCancelKey(body, packet.length - 12) };
    default:
      return readStartup(body, code);
  }
}

function readCancelKey(body: BodyReader, secretBytes: number): CancelKey {
  if (secretBytes < 4 || secretBytes > maxCancelKeyBytes) {
    throw new WireError('malformed-message', 'a CancelRequest has a key of an impossible length');
  }
  return { processId: body.int32(), secret: body.bytes(secretBytes) };
}

function readStartup(body: BodyReader, code: number): StartupPacket {
  const major = code >>> 16;
  if (major !== protocolMajor) {
    throw new WireError('unknown-message', `protocol version ${major}.${code & 0xffff} is not spoken here`);
  }
  const parameters = new Map<string, string>();
  for (let name = body.string(); name !== ''; name = body.string()) {
    // The server takes the last of duplicates; a gateway that takes the first would know another database than it.
    if (parameters.has(name))
      throw new WireError('malformed-message', `start-up parameter "${name}" is given twice`);
    parameters.set(name, body.string());
  }
  body.end();
  return { kind: 'startup', minor: code & 0xffff, parameters };
}

/** A StartupMessage of protocol 3.0: what we say to targets. */
export function startupMessage(parameters: ReadonlyMap<string, string>): Buffer {
  const parts = [...parameters].map(([name, value]) => Buffer.from(`${name}\0${value}\0`, 'utf8'));
  const length = 8 + parts.reduce((sum, part) => sum + part.length, 0) + 1;
  const head = Buffer.alloc(8);
  head.writeUInt32BE(length);
  head.writeUInt32BE(protocolMajor << 16, 4);
  return Buffer.concat([head, ...parts, Buffer.alloc(1)]);
}

export function requestPacket(code: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  const packet = Buffer.alloc(8 + rest.length);
  packet.writeUInt32BE(packet.length);
  packet.writeUInt32BE(code, 4);
  rest.copy(packet, 8);
  return packet;
}

export function cancelRequest(key: CancelKey): Buffer {
  const processId = Buffer.alloc(4);
  processId.writeInt32BE(key.processId);
  return requestPacket(cancelRequestCode, Buffer.concat([processId, key.secret]));
}
