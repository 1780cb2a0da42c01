import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../console/cli.ts';

/** A fenced block of a page, as a reader would copy it. */
export interface Block {
  readonly page: string;
  /** Line of the page on which its text begins. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

export interface Page {
  readonly name: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** What stands between backticks in the running text. */
  readonly codes: readonly string[];
}

const fence = /^```(\w*)\n([\s\S]*?)^```$/gm;

function pageOf(name: string, text: string): Page {
  const blocks = [...text.matchAll(fence)].map(({ index, 1: language = '', 2: body = '' }) => ({
    page: name,
    line: text.slice(0, index).split('\n').length + 1,
    language,
    text: body,
  }));
  const prose = text.replaceAll(fence, '');
  return { name, text, blocks, codes: [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '') };
}

/** All pages: those at the top, and those of docs/. */
export async function pages(): Promise<readonly Page[]> {
  const pagesIn = async (folder: string): Promise<readonly string[]> =>
    (await readdir(join(root, folder)))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name));
  const names = [...(await pagesIn('.')), ...(await pagesIn('docs'))].toSorted();
  return Promise.all(names.map(async (name) => pageOf(name, await readFile(join(root, name), 'utf8'))));
}

export const place = ({ page, line }: Block): string => `${page}:${line}`;
