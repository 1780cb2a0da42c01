/** HTTP/1.1 as somebody writes it who wants to be misunderstood: bytes in, answers out. */
import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends these bytes and reads as many answers as there are to come, or until Envoy closes. */
export function raw(port: number, bytes: string, answers = 1): Promise<readonly RawAnswer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    let text = '';
    const done = (): void => {
      socket.destroy();
      resolve(answersIn(text));
    };
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      text += part;
      if (answersIn(text).length >= answers) done();
    });
    socket.on('end', done);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // It may reset what it has answered already.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') done();
      else reject(error);
    });
  });
}

/** Whole ones only. */
function answersIn(text: string): readonly RawAnswer[] {
  const found: RawAnswer[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return found;
    const head = rest.slice(0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    const chunked = /^transfer-encoding: chunked$/im.test(head);
    const bodyEnd = chunked ? rest.indexOf('0\r\n\r\n', end + 4) + 5 : end + 4 + length;
    if ((chunked && bodyEnd === 4) || rest.length < bodyEnd) return found;
    found.push({ status, head, body: rest.slice(end + 4, bodyEnd) });
    rest = rest.slice(bodyEnd);
  }
}
