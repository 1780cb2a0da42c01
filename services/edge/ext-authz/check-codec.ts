/** envoy.service.auth.v3.CheckRequest and CheckResponse, as protos/ declares them: the part that is read and written here. */
import type { AnswerNotes, Header } from '../../protocols/request.ts';
import { readHeaders } from '../header-map.ts';
import { bytesField, numberField, textField, toBytes, WireReader, type Written } from '../wire.ts';

export interface CheckedHttp {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly body: Buffer;
  /** Pseudo-headers too; null when the message has no field for them. */
  readonly headers: readonly Header[] | null;
}

export interface CheckQuestion {
  /** An IP address as text, perhaps with a zone; empty when there is none. */
  readonly address: string;
  readonly port: number;
  /** Percent-encoded PEM; empty when there is none. */
  readonly certificate: string;
  /** Null when it is about a connection. */
  readonly http: CheckedHttp | null;
  readonly extensions: ReadonlyMap<string, string>;
}

/** envoy.service.auth.v3.CheckResponse as far as it is written here. */
export interface CheckResponse {
  /** google.rpc.Code. */
  readonly code: 0 | 7;
  readonly message: string;
  readonly verdict:
    | { readonly kind: 'none' }
    | { readonly kind: 'ok'; readonly set: readonly Header[]; readonly remove: readonly string[] }
    | {
        readonly kind: 'denied';
        readonly status: number;
        readonly headers: readonly Header[];
        readonly body: string;
      };
  /** What the access log says of it, and who reads the answer. */
  readonly metadata: AnswerNotes | null;
}

/** @throws WireError */
export function readCheck(bytes: Buffer): CheckQuestion {
  const question = { address: '', port: 0, certificate: '', http: null as CheckedHttp | null }; // as: it is set below
  const extensions = new Map<string, string>();
  eachField(new WireReader(bytes), (field, reader) => {
    if (field !== 1) return;
    eachField(reader.message(), (attribute, attributes) => {
      if (attribute === 1) readPeer(attributes.message(), question);
      else if (attribute === 4) {
        eachField(attributes.message(), (part, request) => {
          if (part === 2) question.http = readHttp(request.message());
        });
      } else if (attribute === 10) {
        const [key, value] = readEntry(attributes.message());
        extensions.set(key, value);
      }
    });
  });
  return { ...question, extensions };
}

function eachField(reader: WireReader, read: (field: number, reader: WireReader) => void): void {
  for (let field = reader.next(); field !== 0; field = reader.next()) read(field, reader);
}

interface Peer {
  address: string;
  port: number;
  certificate: string;
}

function readPeer(reader: WireReader, peer: Peer): void {
  eachField(reader, (field) => {
    if (field === 5) peer.certificate = reader.text();
    if (field !== 1) return;
    eachField(reader.message(), (kind, address) => {
      if (kind !== 1) return;
      eachField(address.message(), (part, socket) => {
        if (part === 2) peer.address = socket.text();
        else if (part === 3) peer.port = socket.number();
      });
    });
  });
}

function readHttp(reader: WireReader): CheckedHttp {
  const http = {
    method: '',
    path: '',
    host: '',
    body: Buffer.alloc(0) as Buffer,
    headers: null as readonly Header[] | null,
  }; // as: they are set below
  eachField(reader, (field) => {
    if (field === 2) http.method = reader.text();
    else if (field === 4) http.path = reader.text();
    else if (field === 5) http.host = reader.text();
    else if (field === 12) http.body = reader.bytes();
    else if (field === 13) http.headers = readHeaders(reader.message());
  });
  return http;
}

function readEntry(reader: WireReader): readonly [string, string] {
  let key = '';
  let value = '';
  eachField(reader, (field) => {
    if (field === 1) key = reader.text();
    else if (field === 2) value = reader.text();
  });
  return [key, value];
}

const overwriteIfExists = numberField(3, 2);

/** Envoy does not look at raw_value here; what the gateway sets is ASCII. */
const headerField = (field: number, { name, value }: Header): Written =>
  bytesField(field, bytesField(1, textField(1, name) + textField(2, value)) + overwriteIfExists);

/** google.protobuf.Struct with texts in it. */
const struct = (texts: Readonly<Record<string, string>>): Written =>
  Object.entries(texts)
    .map(([key, text]) => bytesField(1, textField(1, key) + bytesField(2, textField(3, text))))
    .join('');

export function checkResponseBytes({ code, message, verdict, metadata }: CheckResponse): Buffer {
  const status = bytesField(1, numberField(1, code) + textField(2, message));
  return toBytes(status + verdictField(verdict) + (metadata === null ? '' : bytesField(4, struct(metadata))));
}

function verdictField(verdict: CheckResponse['verdict']): Written {
  switch (verdict.kind) {
    case 'none':
      return '';
    case 'ok': {
      const set = verdict.set.map((header) => headerField(2, header));
      const remove = verdict.remove.map((name) => textField(5, name));
      return bytesField(3, set.join('') + remove.join(''));
    }
    case 'denied': {
      const headers = verdict.headers.map((header) => headerField(2, header));
      const status = bytesField(1, numberField(1, verdict.status));
      return bytesField(2, status + headers.join('') + textField(3, verdict.body));
    }
  }
}
