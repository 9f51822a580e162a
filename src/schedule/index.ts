export { followSchedule, type WallClock, type WarmWish } from './schedule.ts'
export { timetableOf } from './windows.ts'
