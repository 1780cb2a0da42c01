/** A target that answers with secrets, in all the ways in which a masker could be led past them. */
import type { RequestListener, ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';

export const secrets = ['123-45-6789', 'ada@secret.example', '4111111111111111', '5500005555555559'] as const;
const [ssn, email, pan, otherPan] = secrets;

const document = JSON.stringify({ id: 1, ssn, email, pan, users: [{ ssn, email, pan: Number(pan) }] });

/** What no naive reading finds: escapes in names, a name that comes twice, exponents, JSON in a string, a mark at the beginning. */
const tricks =
  `\ufeff{"\\u0073sn":"${ssn}","ssn":"${ssn}","ssn":"x${ssn}","n":4.111111111111111e15,` +
  `"m":${otherPan}0e-1,"nested":${JSON.stringify(document)},"twice":${JSON.stringify(JSON.stringify(document))},` +
  `"note":"ada\\u0040secret.example","${email}":true,"list":["${ssn}",["${email}"]]}`;

function inPieces(response: ServerResponse, bytes: Buffer): void {
  let at = 0;
  const next = (): void => {
    if (at >= bytes.length) {
      response.end();
      return;
    }
    response.write(bytes.subarray(at, at + 7));
    at += 7;
    setImmediate(next);
  };
  next();
}

const packers = { br: brotliCompressSync, gzip: gzipSync, zstd: zstdCompressSync } as const;

export const leaky: RequestListener = (request, response) => {
  const { headers, url = '' } = request;
  const accepted = headers['accept-encoding'] ?? '';
  const packing = (['br', 'zstd', 'gzip'] as const).find((name) => accepted.includes(name));
  response.setHeader('content-type', 'application/json');
  response.setHeader('etag', `"${Buffer.from(document).toString('base64')}"`);
  response.setHeader('location', `/users?email=${encodeURIComponent(email)}`);
  const range = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '');
  if (range !== null) {
    const [, from, to] = range;
    response.statusCode = 206;
    response.setHeader('content-range', `bytes ${from}-${to}/${document.length}`);
    response.end(document.slice(Number(from), Number(to) + 1));
  } else if (packing !== undefined) {
    response.setHeader('content-encoding', packing);
    response.end(packers[packing](document));
  } else if (url.includes('/stream')) {
    response.setHeader('content-type', 'text/event-stream');
    inPieces(
      response,
      Buffer.from(`: ${email}\n\ndata: ${document}\n\nid: ${pan}\ndata: {"ssn":\ndata: "${ssn}"}\n\n`),
    );
  } else {
    inPieces(response, Buffer.from(tricks));
  }
};

/** Answers that nothing can be masked in; each with a secret in it. */
export const unreadable: Readonly<Record<string, RequestListener>> = {
  'packed, and not what it is said to be': (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.setHeader('content-encoding', 'gzip');
    response.end(document);
  },
  'packed in a way that nobody knows': (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.setHeader('content-encoding', 'x-rot13');
    response.end(document);
  },
  'a part that was not asked for': (_, response) => {
    response.writeHead(206, { 'content-type': 'application/json', 'content-range': 'bytes 0-10/200' });
    response.end(document);
  },
  'parts of several kinds': (_, response) => {
    response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=x' });
    response.end(`--x\r\n\r\n${document}\r\n--x--\r\n`);
  },
  'of no type': (_, response) => response.end(document),
  'an image': (_, response) => response.writeHead(200, { 'content-type': 'image/png' }).end(document),
  'in UTF-16': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-16' });
    response.end(Buffer.from(document, 'utf16le'));
  },
  'in UTF-16, which it does not say': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(Buffer.from(document, 'utf16le'));
  },
  'JSON that is none': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`{ssn:'${ssn}'}`);
  },
  'JSON behind a guard': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`)]}',\n${document}`);
  },
  'JSON that breaks off': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(document.slice(0, 20));
  },
};

export const mislabelled: Readonly<Record<string, RequestListener>> = {
  'packed although it was not asked for': (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync(document));
  },
  'JSON that is called a text': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    inPieces(response, Buffer.from(` \n [ ${document}]`));
  },
  'JSON that is called a page': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(tricks);
  },
  'a problem': (_, response) => {
    response.writeHead(500, { 'content-type': 'application/problem+json' });
    response.end(document);
  },
  'lines of documents': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    inPieces(response, Buffer.from(`${document}\n${document}\n`));
  },
  'a form': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-www-form-urlencoded' });
    response.end(`ss%6e=${ssn}&user[email]=${encodeURIComponent(email)}&x=${pan}`);
  },
};
