import {
  maxCommands,
  maxDepth,
  maxPlacesOfReason,
  maxQuotedCharacters,
  maxTextBytes,
  maxTexts,
  maxTextsBytes,
} from './limits.ts';
import type {
  ShellCommand,
  ShellFile,
  ShellOpaque,
  ShellOpaqueReason,
  ShellReading,
  Word,
} from './reading.ts';

const plainName = /^[\x21-\x7e]+$/;

/**
 * What a person would not see as it is: control characters but tab and newline, spaces other than the space, and characters without a
 * form or a meaning of their own. In some locales a shell even takes U+00A0 for a blank.
 */
const deceptive = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;
const isDeceptive = (text: string): boolean => deceptive.test(text.replaceAll(/[ \t\n]/g, ''));

/** No file that anybody keeps: what is written there is gone, and the shell's own descriptors are no new ones. */
const noFile = /^\/dev\/(?:null|zero|stdin|stdout|stderr|fd\/[0-9]{1,4})$/;

/** Gathers what one command line would do, across the texts within it. */
export class Unfolding {
  readonly #commands: ShellCommand[] = [];
  readonly #files: ShellFile[] = [];
  readonly #opaque: ShellOpaque[] = [];
  readonly #places = new Map<ShellOpaqueReason, Set<string>>();
  readonly #readText: (text: string, unfolding: Unfolding) => void;
  #depth = 0;
  #texts = 0;
  #textBytes = 0;

  constructor(readText: (text: string, unfolding: Unfolding) => void) {
    this.#readText = readText;
  }

  command(name: string, args: readonly Word[], builtin: boolean): void {
    if (this.#commands.length >= maxCommands)
      return this.opaque('too-large', `more than ${maxCommands} commands`);
    if (!plainName.test(name)) this.opaque('deceptive-text', name);
    this.#commands.push({ name, args: args.map(({ text }) => text), builtin });
  }

  file(access: ShellFile['access'], path: Word): void {
    if (path.text !== null && noFile.test(path.text)) return;
    if (this.#files.length >= maxCommands) return this.opaque('too-large', `more than ${maxCommands} files`);
    this.#files.push({ access, path: path.text });
  }

  opaque(reason: ShellOpaqueReason, what: string): void {
    const quoted = what.length > maxQuotedCharacters ? `${what.slice(0, maxQuotedCharacters)}...` : what;
    const places = this.#places.get(reason) ?? new Set();
    this.#places.set(reason, places);
    if (places.has(quoted) || places.size >= maxPlacesOfReason) return;
    places.add(quoted);
    this.#opaque.push({ reason, what: quoted });
  }

  /** A text that a shell would read, at any depth. */
  text(text: string): void {
    this.#texts += 1;
    if (this.#texts > maxTexts)
      return this.opaque('too-large', `more than ${maxTexts} texts within one another`);
    if (!this.accepts(text)) return;
    this.#textBytes += Buffer.byteLength(text);
    if (this.#textBytes > maxTextsBytes) {
      return this.opaque('too-large', `more than ${maxTextsBytes} bytes in texts within one another`);
    }
    if (!this.deeper(() => this.#readText(text, this)))
      this.opaque('too-large', `more than ${maxDepth} levels`);
  }

  /** Whether a text may be read at all; tells of what a person would not see in it. */
  accepts(text: string): boolean {
    // A UTF-16 unit is three bytes of UTF-8 at most.
    if (text.length * 3 > maxTextBytes && Buffer.byteLength(text) > maxTextBytes) {
      this.opaque('too-large', `more than ${maxTextBytes} bytes`);
      return false;
    }
    if (!text.isWellFormed() || isDeceptive(text)) this.opaque('deceptive-text', text);
    return true;
  }

  /** Runs `read` one level down; false, and not run, when that is too deep. */
  deeper(read: () => void): boolean {
    if (this.#depth >= maxDepth) return false;
    this.#depth += 1;
    try {
      read();
    } finally {
      this.#depth -= 1;
    }
    return true;
  }

  get reading(): ShellReading {
    return { commands: this.#commands, files: this.#files, opaque: this.#opaque };
  }
}
