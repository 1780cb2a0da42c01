/** A client that says exactly what a test tells it to: bytes out as they are written, messages in as they come. */
import { connect, type Socket } from 'node:net';

/** One message of the server; `type` is its letter. */
export interface Message {
  readonly type: string;
  readonly body: Buffer;
}

type Part = string | number | Buffer;

/** Strings end in NUL, numbers are Int32, buffers stand as they are. */
const bytesOf = (part: Part): Buffer => {
  if (typeof part === 'string') return Buffer.from(`${part}\0`, 'utf8');
  return typeof part === 'number' ? int32(part) : part;
};

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function frame(type: string, ...parts: readonly Part[]): Buffer {
  const body = Buffer.concat(parts.map(bytesOf));
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(4 + body.length), body]);
}

const many = (values: readonly Buffer[]): Buffer => Buffer.concat([int16(values.length), ...values]);

export interface BindOptions {
  readonly parameters?: readonly (string | null)[];
  readonly resultFormats?: readonly number[];
}

/** The messages of the protocol's front end, https://www.postgresql.org/docs/current/protocol-message-formats.html */
export const say = {
  query: (text: string) => frame('Q', text),
  parse: (text: string, name = '', types: readonly number[] = []) =>
    frame('P', name, text, many(types.map(int32))),
  bind: (portal = '', statement = '', { parameters = [], resultFormats = [] }: BindOptions = {}) => {
    const values = parameters.map((text) =>
      text === null ? int32(-1) : Buffer.concat([int32(Buffer.byteLength(text)), Buffer.from(text)]),
    );
    return frame('B', portal, statement, int16(0), many(values), many(resultFormats.map(int16)));
  },
  describe: (kind: 'S' | 'P', name = '') => frame('D', Buffer.from(kind), name),
  execute: (portal = '', maxRows = 0) => frame('E', portal, maxRows),
  close: (kind: 'S' | 'P', name = '') => frame('C', Buffer.from(kind), name),
  flush: () => frame('H'),
  sync: () => frame('S'),
  terminate: () => frame('X'),
  copyData: (data: string | Buffer) => frame('d', Buffer.from(data)),
  copyDone: () => frame('c'),
  copyFail: (why: string) => frame('f', why),
  password: (text: string) => frame('p', text),
  startup: (parameters: Readonly<Record<string, string>>, version = 0x30000) => {
    const body = Object.entries(parameters).flat().map(bytesOf);
    const rest = Buffer.concat([int32(version), ...body, Buffer.alloc(1)]);
    return Buffer.concat([int32(4 + rest.length), rest]);
  },
  cancel: (key: Buffer) => Buffer.concat([int32(8 + key.length), int32(80877102), key]),
};

/** The fields of an ErrorResponse or NoticeResponse by their letters. */
export function fieldsOf({ body }: Message): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (let at = 0; body[at] !== undefined && body[at] !== 0; ) {
    const end = body.indexOf(0, at + 1);
    fields[String.fromCharCode(body[at] ?? 0)] = body.toString('utf8', at + 1, end);
    at = end + 1;
  }
  return fields;
}

/** The values of a DataRow. */
export function valuesOf({ body }: Message): readonly (string | null)[] {
  const values: (string | null)[] = [];
  for (let at = 2; at < body.length; ) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.toString('latin1', at, at + length));
    at += Math.max(0, length);
  }
  return values;
}

export interface Startup {
  readonly user: string;
  readonly database: string;
  readonly password?: string;
  /** libpq's `options`: what a server takes and a gateway does not. */
  readonly options?: string;
}

export class RawClient {
  /** Every message so far, with the bytes as they came in `received`. */
  readonly messages: Message[] = [];
  received: Buffer = Buffer.alloc(0);
  /** The server has closed its side, or the connection is gone. */
  closed = false;
  readonly socket: Socket;
  #unread: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];
  /** Answers to SSLRequest and GSSENCRequest: single bytes before any message. */
  #answers = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#unread = Buffer.concat([this.#unread, chunk]);
      this.#read();
      this.#look();
    });
    const end = (): void => {
      this.closed = true;
      this.#look();
    };
    socket.on('end', end).on('close', end).on('error', end);
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return client;
  }

  /** Connected, logged in and idle. */
  static async login(
    port: number,
    { user, database, password = '', options = '' }: Startup,
  ): Promise<RawClient> {
    const client = await RawClient.connect(port);
    client.send(say.startup({ user, database, ...(options === '' ? {} : { options }) }));
    if (password !== '') {
      await client.until(() => client.closed || client.has('R'));
      client.send(say.password(password));
    }
    await client.until(() => client.closed || client.has('Z'));
    if (!client.has('Z')) throw new Error(`the login was refused: ${client.lastError()}`);
    client.messages.length = 0;
    return client;
  }

  /** The cancel key that BackendKeyData gave; keep it before `messages` is emptied. */
  get cancelKey(): Buffer {
    const key = this.#key;
    if (key === null) throw new Error('no BackendKeyData has come');
    return key;
  }
  #key: Buffer | null = null;

  send(...parts: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(parts));
  }

  /** SSLRequest or GSSENCRequest: the answer is one byte and no message. */
  async ask(packet: Buffer): Promise<string> {
    this.#answers += 1;
    const before = this.received.length;
    this.send(packet);
    await this.until(() => this.closed || this.received.length > before);
    return this.received.toString('latin1', before, before + 1);
  }

  /** Resolves once the condition holds; it is looked at whenever something has come. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiting = this.#waiting.filter((each) => each !== look);
        resolve();
      };
      this.#waiting.push(look);
      look();
    });
  }

  /** Everything up to the nth ReadyForQuery from here, or the end of the connection. */
  async ready(count = 1): Promise<readonly Message[]> {
    const from = this.messages.length;
    const seen = (): number => this.messages.slice(from).filter(({ type }) => type === 'Z').length;
    await this.until(() => this.closed || seen() >= count);
    return this.messages.slice(from);
  }

  /** Sends and waits for as many ReadyForQuery. */
  exchange(bytes: Buffer | readonly Buffer[], count = 1): Promise<readonly Message[]> {
    const answer = this.ready(count);
    this.send(...(Buffer.isBuffer(bytes) ? [bytes] : bytes));
    return answer;
  }

  has(type: string): boolean {
    return this.messages.some((message) => message.type === type);
  }

  /** SQLSTATE and message of the last error. */
  lastError(): string {
    const error = this.messages.findLast(({ type }) => type === 'E');
    if (error === undefined) return '';
    const { C, M } = fieldsOf(error);
    return `${C} ${M}`;
  }

  /** A connection reset, as when a machine goes away. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  end(): void {
    this.socket.destroy();
  }

  #read(): void {
    if (this.#answers > 0) {
      const taken = Math.min(this.#answers, this.#unread.length);
      this.#unread = this.#unread.subarray(taken);
      this.#answers -= taken;
    }
    while (this.#unread.length >= 5) {
      const length = 1 + this.#unread.readUInt32BE(1);
      if (this.#unread.length < length) return;
      const type = String.fromCharCode(this.#unread[0] ?? 0);
      const body = Buffer.from(this.#unread.subarray(5, length));
      if (type === 'K') this.#key = body;
      this.messages.push({ type, body });
      this.#unread = this.#unread.subarray(length);
    }
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** What a test compares and prints: `C(SELECT 1)`, `E(42501)`, `D(1,2)`, `Z(I)`. */
export function shortly(message: Message): string {
  const { type, body } = message;
  switch (type) {
    case 'C':
      return `C(${body.toString('utf8', 0, body.length - 1)})`;
    case 'E':
    case 'N':
      return `${type}(${fieldsOf(message)['C']})`;
    case 'D':
      return `D(${valuesOf(message).join()})`;
    case 'Z':
      return `Z(${body.toString('latin1')})`;
    case 'T':
    case 't':
    case 'G':
    case 'H':
      return `${type}(${body.toString('hex')})`;
    default:
      return type;
  }
}
