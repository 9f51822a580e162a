import { expectTypeOf, it } from 'vitest'
import type { StreamEvent } from '../../../src/events/index.ts'
import type {
  BackendStatus,
  HistoryAnswer,
  ModelsAnswer,
  RequestsAnswer,
} from '../../../src/operations/index.ts'
import type { manifestAnswer } from '../../../src/operations/manifest.ts'
import type { statsAnswer } from '../../../src/operations/answers.ts'
import type * as wire from '../../../src/page/browser/wire.ts'

type Event<Type extends StreamEvent['type']> = Extract<StreamEvent, { type: Type }>

it('the page reads what the program answers', () => {
  expectTypeOf<BackendStatus>().toExtend<wire.Backend>()
  expectTypeOf<ModelsAnswer>().toExtend<wire.ModelsAnswer>()
  expectTypeOf<RequestsAnswer>().toExtend<wire.RequestsAnswer>()
  expectTypeOf<HistoryAnswer>().toExtend<wire.HistoryAnswer>()
  expectTypeOf<ReturnType<typeof statsAnswer>>().toExtend<wire.StatsAnswer>()
  expectTypeOf<ReturnType<typeof manifestAnswer>>().toExtend<wire.ManifestAnswer>()
  expectTypeOf<Event<'hello'>>().toExtend<wire.Hello>()
  expectTypeOf<Event<'snapshot'>['backend']>().toExtend<wire.Backend>()
  expectTypeOf<Event<'transition'>>().toExtend<wire.Transition>()
})
