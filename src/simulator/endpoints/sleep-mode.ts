import { badRequest } from '../api-error.ts'
import { required } from '../fields.ts'
import type { Handler } from '../simulation.ts'
import { sendJson } from '../simulation.ts'

/** `POST /sleep?level=1|2&mode=abort|wait`; answers when the GPU memory is free. */
export const fallAsleep: Handler = async ({ res, url }, { sleep }) => {
  const level = url.searchParams.get('level') ?? '1'
  if (level !== '1' && level !== '2') throw badRequest(`invalid sleep level: ${level}`, 'level')
  const mode = url.searchParams.get('mode') ?? 'abort'
  if (mode !== 'abort' && mode !== 'wait') throw badRequest(`invalid mode: ${mode}`, 'mode')
  await sleep.fallAsleep(level === '1' ? 1 : 2, mode)
  res.writeHead(200, { 'content-length': 0 }).end()
}

/** `POST /wake_up?tags=weights&tags=kv_cache`; vLLM does not survive a GPU that is taken. */
export const wakeUp: Handler = async ({ res, url }, simulation) => {
  const tags = url.searchParams.getAll('tags').flatMap((tag) => tag.split(','))
  for (const tag of tags) {
    if (tag !== 'weights' && tag !== 'kv_cache') throw badRequest(`invalid tag: ${tag}`, 'tags')
  }
  if (await simulation.sleep.wakeUp(tags)) res.writeHead(200, { 'content-length': 0 }).end()
  else simulation.die('torch.OutOfMemoryError: CUDA out of memory while waking up')
}

export const isSleeping: Handler = ({ res }, { sleep }) => {
  sendJson(res, 200, { is_sleeping: sleep.state !== 'awake' })
}

/** `POST /collective_rpc`; of its methods only `reload_weights` changes anything. */
export const collectiveRpc: Handler = ({ res, body }, { sleep }) => {
  if (required(body, 'method') === 'reload_weights') sleep.reloadWeights()
  sendJson(res, 200, { results: [null] })
}
