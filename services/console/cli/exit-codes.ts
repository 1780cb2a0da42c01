/** What a script learns from a command. `sallyport --help` lists them. */
export const exitCodes = {
  /** Done; or the answer is yes: allowed, intact, no problem found. */
  ok: 0,
  /** The answer is no: denied, tampered, a vote refused, something not there; or it failed. */
  no: 1,
  /** The command line, the config or a policy is wrong. */
  usage: 2,
  /** Neither yes nor no: held, or a trail that is torn or unproven. */
  undecided: 3,
  /** Not logged in, or not permitted. */
  notPermitted: 4,
  /** The gateway, an issuer or a target cannot be reached. */
  unreachable: 5,
  /** A bug: EX_SOFTWARE of sysexits.h. */
  bug: 70,
  /** Ctrl-C: 128 and the number of SIGINT, as shells say it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
