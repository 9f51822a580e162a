export {
  NotLeading,
  startLeadership,
  type Leadership,
  type LeadershipOptions,
  type LeaseTimes,
} from './leadership.ts'
export type { Progress } from './record.ts'
