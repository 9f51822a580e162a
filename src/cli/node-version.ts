/** Keep in step with `engines` in package.json; a test compares them. */
export const oldestNode = { major: 22, minor: 19 }

/**
 * What to tell somebody whose Node is too old, or undefined when it is new enough. Without this they
 * would see a stack trace about syntax. Runs on that old Node: plain syntax only.
 */
export function nodeComplaint(version: string): string | undefined {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  const isNewEnough =
    major > oldestNode.major || (major === oldestNode.major && minor >= oldestNode.minor)
  if (isNewEnough) return undefined
  return (
    `vllm-chill needs Node ${oldestNode.major}.${oldestNode.minor} or newer; this is v${version.replace(/^v/, '')}.\n` +
    'Install a newer one (https://nodejs.org, or `nvm install 24`), then run it again. In a checkout of\n' +
    'vllm-chill, `npm ci` brings one along: `npm start` and `npx vllm-chill …` use it.\n'
  )
}
