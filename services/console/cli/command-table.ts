import type { Command } from 'commander';

/** What a command's file exports: its options, examples and doing. */
export interface CommandFile {
  define(command: Command): void;
}

export interface CommandEntry {
  /** `holds approve` */
  readonly words: string;
  readonly summary: string;
  load(): Promise<CommandFile>;
}

export interface CommandGroup {
  readonly word: string;
  readonly summary: string;
}

export const groups: readonly CommandGroup[] = [
  { word: 'envoy', summary: 'Envoy’s config' },
  { word: 'policy', summary: 'Try policies out' },
  { word: 'masking', summary: 'Masks inside a database' },
  { word: 'holds', summary: 'Actions that wait for approval' },
  { word: 'sessions', summary: 'Sessions, open and recorded' },
  { word: 'trail', summary: 'The tamper-evident log of everything' },
];

/**
 * All commands, in the order of `--help`. Each file is read only when its command is asked for, so that a start takes no
 * longer for those that are not.
 */
export const commands: readonly CommandEntry[] = [
  { words: 'up', summary: 'Run the gateway', load: () => import('./commands/up.ts') },
  {
    words: 'check',
    summary: 'Tell what is wrong with a config and its policies',
    load: () => import('./commands/check.ts'),
  },
  {
    words: 'schema',
    summary: 'Print the JSON Schema for editors',
    load: () => import('./commands/schema.ts'),
  },
  {
    words: 'envoy render',
    summary: 'Print the config that Envoy is given',
    load: () => import('./commands/envoy-render.ts'),
  },
  {
    words: 'policy explain',
    summary: 'Tell how a command would be decided, and why',
    load: () => import('./commands/policy-explain.ts'),
  },
  {
    words: 'masking install',
    summary: 'Make the ring of masking views inside a database',
    load: () => import('./commands/masking-install.ts'),
  },
  {
    words: 'masking status',
    summary: 'Tell whether the ring is as it should be',
    load: () => import('./commands/masking-status.ts'),
  },
  {
    words: 'masking uninstall',
    summary: 'Take the ring away',
    load: () => import('./commands/masking-uninstall.ts'),
  },
  {
    words: 'login',
    summary: 'Log in as a person, to approve and to look',
    load: () => import('./commands/login.ts'),
  },
  {
    words: 'whoami',
    summary: 'Tell whom the gateway takes you for',
    load: () => import('./commands/whoami.ts'),
  },
  {
    words: 'token',
    summary: 'Print the access token for targets',
    load: () => import('./commands/token.ts'),
  },
  {
    words: 'kubeconfig',
    summary: 'Print a kubeconfig that leads through the gateway',
    load: () => import('./commands/kubeconfig.ts'),
  },
  { words: 'logout', summary: 'Forget the token', load: () => import('./commands/logout.ts') },
  { words: 'status', summary: 'Tell how the gateway is', load: () => import('./commands/status.ts') },
  {
    words: 'holds ls',
    summary: 'List the holds that you may see',
    load: () => import('./commands/holds-ls.ts'),
  },
  { words: 'holds show', summary: 'Show one hold, whole', load: () => import('./commands/holds-show.ts') },
  { words: 'holds approve', summary: 'Approve a hold', load: () => import('./commands/holds-approve.ts') },
  { words: 'holds reject', summary: 'Reject a hold', load: () => import('./commands/holds-reject.ts') },
  {
    words: 'sessions ls',
    summary: 'List open sessions, or recorded ones',
    load: () => import('./commands/sessions-ls.ts'),
  },
  {
    words: 'sessions show',
    summary: 'Show what was done in one session',
    load: () => import('./commands/sessions-show.ts'),
  },
  {
    words: 'sessions replay',
    summary: 'Play a recorded session back, as its client saw it',
    load: () => import('./commands/sessions-replay.ts'),
  },
  {
    words: 'sessions kill',
    summary: 'End an open session at once',
    load: () => import('./commands/sessions-kill.ts'),
  },
  {
    words: 'trail verify',
    summary: 'Tell whether the trail was changed, cut or reordered',
    load: () => import('./commands/trail-verify.ts'),
  },
  {
    words: 'trail anchor',
    summary: 'Keep a proof of the trail as it is, elsewhere',
    load: () => import('./commands/trail-anchor.ts'),
  },
  {
    words: 'trail show',
    summary: 'Show records of the trail',
    load: () => import('./commands/trail-show.ts'),
  },
];
