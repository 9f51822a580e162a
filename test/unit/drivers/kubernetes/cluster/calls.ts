interface Rule {
  readonly call: string
  /** A promise: the call waits for it. */
  readonly act: () => void | Promise<void>
  left: number
}

/** What was asked of an API server, and what happens to which call. */
export class Calls {
  /** Every one that came, in order: `apply Deployment vllm`, `scale vllm 1`. */
  readonly all: string[] = []
  readonly #rules: { before: Rule[]; after: Rule[] } = { before: [], after: [] }

  /** Those that change something, but for the Lease's. */
  get writes(): string[] {
    return this.all.filter(
      (call) => !/^(get|list|read|log|forward|try)\b/.test(call) && !call.includes(' Lease '),
    )
  }

  forget(): void {
    this.all.length = 0
  }

  /** The next so many that begin like this fail. */
  fail(call: string, error: Error, times = 1): void {
    const act = () => {
      throw error
    }
    this.#rules.before.push({ call, act, left: times })
  }

  /** They fail until the returned function is called. */
  break(call: string, error: Error): () => void {
    this.fail(call, error, Number.POSITIVE_INFINITY)
    const rule = this.#rules.before.at(-1)
    return () => {
      this.#rules.before = this.#rules.before.filter((each) => each !== rule)
    }
  }

  /** The next one that begins like this is answered when the returned function is called. */
  hold(call: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#rules.before.push({ call, act: () => promise, left: 1 })
    return resolve
  }

  /** Something happens right after the next one that begins like this was answered. */
  after(call: string, act: () => void): void {
    this.#rules.after.push({ call, act, left: 1 })
  }

  async take<T>(call: string, work: () => T): Promise<T> {
    this.all.push(call)
    await this.#obey('before', call)
    const answer = work()
    await this.#obey('after', call)
    return answer
  }

  async #obey(when: 'before' | 'after', call: string): Promise<void> {
    await Promise.resolve()
    for (const rule of this.#rules[when]) {
      if (rule.left === 0 || !call.startsWith(rule.call)) continue
      rule.left--
      await rule.act()
    }
  }
}
