import { connect, type Socket } from 'node:net';

/** A connection to a gateway, and all that came back until `until` did. */
export async function heard(
  port: number,
  bytes: string,
  until: RegExp,
): Promise<{ readonly socket: Socket; readonly text: string }> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  socket.write(bytes, 'latin1');
  let text = '';
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    text += part;
    if (until.test(text)) break;
  }
  return { socket, text };
}
