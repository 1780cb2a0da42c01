/**
 * Loaded before run.ts, and plain JavaScript: an older Node cannot even read that one. npm puts node_modules/.bin first on
 * PATH, where the pinned Node is, if there is one for this machine.
 */
const [major = ''] = process.versions.node.split('.');
if (Number(major) < 24) {
  const here = `${process.platform} on ${process.arch}`;
  console.error(`error: The demo runs on Node 24 or later, and this is Node ${process.versions.node}.`);
  console.error(
    process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
      ? 'hint: Run "npm ci" (without --omit=optional), which installs one, and start it with "npm run demo".'
      : `hint: For ${here} none is pinned: install Node 24 and put it on PATH.`,
  );
  process.exit(2);
}
