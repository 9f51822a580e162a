import type { ComparedRequest } from '../request.ts'
import { agentRequests } from './agents.ts'
import { chatRequests } from './chat.ts'
import { completionRequests } from './completions.ts'
import { serverRequests } from './server.ts'
import { tokenRequests } from './tokens.ts'

export const requests: readonly ComparedRequest[] = [
  ...serverRequests,
  ...chatRequests,
  ...completionRequests,
  ...agentRequests,
  ...tokenRequests,
]
