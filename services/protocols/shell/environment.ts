/**
 * Variables that no program obeys: by convention what the environment means something in is in upper case, but for the proxies.
 * Names are told by what is known to be harmless: which variables a program at the target obeys, nobody can list.
 */
const localName = /^(?!.*_proxy$)[a-z_][a-z0-9_]*$/;
export const isLocalName = (name: string): boolean => localName.test(name);

const harmless = new Set([
  'CI',
  'CLICOLOR',
  'COLUMNS',
  'DEBIAN_FRONTEND',
  'FORCE_COLOR',
  'LINES',
  'NO_COLOR',
  'OLDPWD',
  'PGDATABASE',
  'PGPASSWORD',
  'PGUSER',
  'TERM',
  'TZ',
]);

/** Of a variable that a program is started with: `X=1 program`, `env X=1 program`, `export X=1`. */
export const isHarmlessVariable = (name: string): boolean => isLocalName(name) || harmless.has(name);

/** What shells, the dynamic linker and well-known programs obey, in whatever environment they find it. */
const obeyed =
  /^(?:_|PATH|IFS|ENV|SHELL|HOME|CDPATH|POSIXLY_CORRECT|EXECIGNORE|GLOBIGNORE|FPATH|BASH.*|SHELLOPTS|PROMPT_COMMAND|PS[0-9]|LD_.*|DYLD_.*|GIT_.*|SSH_.*|.*PAGER|LESS.*|.*EDITOR|VISUAL|BROWSER|.*_PROXY|.*_proxy|PYTHON.*|PERL.*|RUBY.*|NODE_.*|NPM_.*|.*JAVA.*|JDK_.*|MAVEN.*|GRADLE.*|PHP.*|LUA.*|GO.*|RUST.*|CARGO.*|GCONV_PATH|LOC.*|LC_.*|LANG.*|NLS.*|TERMINFO.*|TAR_.*|RSYNC_.*|CVS_.*|SVN_.*|HG.*|KUBE.*|AWS_.*|DOCKER_.*|SUDO_.*|MAKE.*|MAIL.*|HIST.*|INPUTRC|TMPDIR|.*OPTIONS|.*OPTS|.*FLAGS|.*_COMMAND|.*_CMD|.*_CONFIG|.*_HOME|.*_PATH|PG.*)$/;

/**
 * Of a variable that is set in the shell alone: it reaches programs only when it was in the environment before. So here the ones that
 * are known to be obeyed are told.
 */
export const isObeyedVariable = (name: string): boolean =>
  obeyed.test(name) && !harmless.has(name) && name !== '_';
