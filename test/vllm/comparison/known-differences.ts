/** What the simulator does not do as the original does, and why that is left so. */
export interface KnownDifference {
  readonly because: string
  /** Names of the requests. */
  readonly requests: RegExp
  /** Places in the answer; everywhere unless given. */
  readonly at?: RegExp
}

export const knownDifferences: readonly KnownDifference[] = [
  {
    because: 'one simulated server stands for models of every task',
    requests: /of a generating model$/,
  },
  {
    because:
      'it has no logits, so it has no probabilities; each token of theirs is a shape of its own',
    requests: /logprobs$/,
    at: /^body\./,
  },
  {
    because: 'its tokens are words, which have no ids that a client could use',
    requests: /return token ids$/,
    at: /token_ids$/,
  },
  {
    because: 'it is not made for a vocabulary, and reads pictures as nothing',
    requests: /(logit bias out of range|out of the vocabulary|suffix|a picture|an unknown kind)$/,
  },
  {
    because: 'it keeps responses as a server with VLLM_ENABLE_RESPONSES_API_STORE=1 does',
    requests: /^\/v1\/responses: in the background$/,
  },
  {
    because: 'it offers what vLLM offers with --enable-scale-out',
    requests: /^\/inference\/v1\/generate/,
  },
  {
    because: 'no redirect of FastAPI is simulated: vllm-chill forwards exact paths only',
    requests: /^chat with a slash behind$/,
  },
  {
    because: 'where JSON breaks is counted by another parser',
    requests: /^JSON cut short$/,
    at: /^body\.error\.param$/,
  },
  {
    because: 'the original takes whatever is no chat for a text completion',
    requests: /^\/invocations: of nothing known$/,
    at: /^body\.error\.param$/,
  },
]
