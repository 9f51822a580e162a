import { z } from 'zod'

/** What a model can be, in one word. */
export const modelPhases = ['Pending', 'Loading', 'Ready', 'Unloading', 'Failed'] as const

export type ModelPhase = (typeof modelPhases)[number]

const time = z.iso.datetime()

const conditionSchema = z.object({
  type: z.string().describe('`Ready`, `Loading` or `Failed`.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
  reason: z.string().describe('Why, in one word for programs.'),
  message: z.string().describe('Why, in a sentence for people.'),
  lastTransitionTime: time.describe('Since when `status` is what it is.'),
  observedGeneration: z.int().optional().describe('`metadata.generation` that it speaks of.'),
})

/** What the driver writes into `status`; documentation and the CRD's schema come from it. */
export const statusSchema = z.object({
  phase: z
    .enum(modelPhases)
    .optional()
    .describe(
      '`Pending`: known, and loaded when somebody asks. `Loading`, `Ready`, `Unloading`: on `backend`. `Failed`: `message` says why.',
    ),
  message: z.string().optional().describe('Why the phase is what it is, in a sentence.'),
  backend: z.string().optional().describe('Where it is loaded, or on its way.'),
  lastUsed: time.optional().describe('Last request, true to the minute.'),
  lastLoadSeconds: z.int().optional().describe('How long its last load took.'),
  observedGeneration: z
    .int()
    .optional()
    .describe('`metadata.generation` of the manifest that the status speaks of.'),
  lastUpdated: time.optional().describe('When the status was written.'),
  conditions: z
    .array(conditionSchema)
    .optional()
    .describe('`Ready`, `Loading` and `Failed`, each with its reason.'),
})

export type ModelStatus = z.output<typeof statusSchema>
export type ModelCondition = z.output<typeof conditionSchema>
