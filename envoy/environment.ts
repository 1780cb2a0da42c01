/** Envoy gets no secret of ours by its environment: only what a wrapper script named by ENVOY_BIN may need. */
export const envoyEnvironment = (): NodeJS.ProcessEnv => {
  const { PATH, HOME, TZ } = process.env;
  return { PATH, HOME, TZ };
};
