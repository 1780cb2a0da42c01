import type { Word } from './reading.ts';

/**
 * Programs with a language of their own in which commands can be run. No such list is whole: what holds is a policy that allows the
 * programs that it knows. This one makes plain what would otherwise pass for an ordinary program.
 */
const languages =
  /^(?:python|pypy|perl|ruby|node|nodejs|deno|bun|php|lua|luajit|[gmno]?awk|original-awk|sed|gsed|tclsh|wish|expect|ex|vi|vim|nvim|rvim|view|vimdiff|ed|emacs|nano|pico|gdb|lldb|make|gmake|cmake|ninja|rake|ant|mvn|gradle|R|Rscript|julia|ghci|runghc|java|jshell|jrunscript|groovy|scala|kotlin|osascript|pwsh|powershell|csh|tcsh|fish|zsh|ksh|ksh93|mksh|pdksh|yash|nu|elvish|xonsh|rc|es|m4|dc|psql|mysql|mariadb|sqlite3|mongo|mongosh|redis-cli|ftp|lftp|telnet|mail|mailx|less|more|most|man|irb|erl|elixir|iex|guile|racket|clojure|swift|go|cargo|npm|npx|yarn|pnpm|pip|pipx|gem|bundle|composer|ansible|ansible-playbook|terraform|puppet|salt-call)[0-9.]*$/;

/** Programs that run what they are told, in ways that are not unfolded here; deferred, elsewhere, or as somebody else. */
const runners = new Set(
  'ssh slogin scp sftp rsync rsh mosh docker podman nerdctl crictl ctr buildah kubectl oc helm nsenter unshare setpriv capsh systemd-run at batch crontab flock script scriptreplay parallel screen tmux byobu start-stop-daemon socat nc ncat netcat runcon sg newgrp pkexec run0 s6-setuidgid setuidgid chpst strace ltrace perf valgrind unbuffer rlwrap faketime proot fakeroot fakechroot bwrap firejail cgexec prlimit setarch linux32 linux64 choom logsave run-parts entr inotifywait dbus-run-session dbus-launch xvfb-run ip lxc-attach lxc machinectl virsh vagrant apt-get apt dpkg yum dnf rpm apk insmod modprobe kexec init telinit service rc-service invoke-rc.d openvpn tcpdump pdb busctl gcore cpulimit trickle torsocks proxychains proxychains4 tsocks ld.so eject hping3 nmap crash systemctl journalctl loginctl'.split(
    ' ',
  ),
);
/** The dynamic linker runs the program that it is given. */
const linker = /^ld(?:-linux|-musl)?[-.].*so/;

/** Options of ordinary programs that run others; a long one may be cut short. */
const runningOptions: Readonly<Record<string, RegExp>> = {
  tar: /^(?:--(?:ch|to-|us|rs|rm|in|ne|xf|I)|-[a-zA-Z]*[IF]|[a-zA-Z]*[IF][a-zA-Z]*$)/,
  git: /^(?:-c|-O|-x$|--conf|--ex[et]|--op|--u(?:$|=|p(?:$|=|l))|--re?(?:$|=)|--rec(?:$|=|e)|ext::|(?:filter-branch|bisect|submodule|mergetool|difftool|hook|daemon|config)$)/,
  zip: /^-[a-zA-Z]*T|^--u/,
  sort: /^--c(?:om|$)/,
  split: /^--f/,
  install: /^--strip-p/,
  curl: /^(?:-[a-zA-Z#]*K|--con(?:f|$))/,
  wget: /^(?:-e|--ex|--us|--con)/,
  openssl: /^-(?:engine|provider|config)/,
  cpio: /^--rsh/,
};

export const hasOwnLanguage = (name: string, args: readonly Word[]): boolean =>
  languages.test(name) && !(name === 'sed' && isPlainSed(args));

/** `sed -n 5,10p f`, `sed 's/a/b/g' f`: no `e`, no `w`, no file of commands. */
function isPlainSed(args: readonly Word[]): boolean {
  const texts = args.map(({ text }) => text);
  const options = texts.filter((text) => text?.startsWith('-') === true);
  if (texts.includes(null) || !options.every((option) => /^-[nEr]+$/.test(option ?? ''))) return false;
  const script = texts.find((text) => text?.startsWith('-') === false) ?? '';
  return /^(?:[0-9,$]*[pdq]|s([/|,#])(?:(?!\1)[^\\\n]|\\[^\n])*\1(?:(?!\1)[^\\\n]|\\[^\n])*\1[gpiI0-9]*)$/.test(
    script,
  );
}

/** A program, or an option of it, that runs others; an option that only the shell knows may be one of them. */
export function runsOthers(name: string, args: readonly Word[]): boolean {
  if (runners.has(name) || linker.test(name)) return true;
  const pattern = Object.hasOwn(runningOptions, name) ? runningOptions[name] : undefined;
  return pattern !== undefined && args.some(({ text, head }) => text === null || pattern.test(head));
}
