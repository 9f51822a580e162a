export { followSchedule, type WallClock, type WarmWish } from './schedule.ts'
