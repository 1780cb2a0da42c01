import { open } from 'node:fs/promises';
import { messageOf } from '../../core/model/errors.ts';
import { CliError } from './errors.ts';

/**
 * The text of a file that a person named.
 * @throws CliError `usage`
 */
export async function readWholeFile(path: string, maxBytes: number): Promise<string> {
  try {
    const file = await open(path);
    // The stream closes the file, also when it is left before its end.
    return await textOf(file.createReadStream(), path, maxBytes);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError('usage', `${path} cannot be read: ${messageOf(cause)}`, null, { cause });
  }
}

/** @throws CliError `usage` */
export const readStandardInput = (maxBytes: number): Promise<string> =>
  textOf(process.stdin, 'standard input', maxBytes);

async function textOf(stream: NodeJS.ReadableStream, name: string, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > maxBytes) throw new CliError('usage', `${name} has more than ${maxBytes} bytes.`);
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('utf8');
}
