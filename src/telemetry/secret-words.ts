const hidden = '(not shown)'
const words = 'api[-_]?keys?|token|secret|password|passwd|credentials?|auth'

/** Of a field, a variable or a flag: what opens something. */
export const secretName = new RegExp(`(${words})$`, 'i')

const value = String.raw`\[[^\]]*\]|"[^"]*"|'[^']*'`
const assignment = new RegExp(`([\\w-]*(?:${words}))=(?!None\\b)(?:${value}|\\S+)`, 'gi')
/** In JSON and in what Python prints of a map, such as vLLM's list of the arguments it was given. */
const member = new RegExp(`((["'])[\\w-]*(?:${words})\\2\\s*:\\s*)(?:${value})`, 'gi')
const credentialsInUrl = /\/\/[^/\s@]+@/g

/** Text without what is said in it to be a key or a token: a command's words, or a line of a log. */
export function withoutSecretWords(text: string): string {
  return text
    .replaceAll(assignment, `$1=${hidden}`)
    .replaceAll(member, `$1$2${hidden}$2`)
    .replaceAll(credentialsInUrl, `//${hidden}@`)
}
