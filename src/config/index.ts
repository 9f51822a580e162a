export { resolveCommand, splitCommand } from './command-words.ts'
export { ConfigError } from './config-error.ts'
export { durationPattern, formatDuration, parseDuration } from './durations.ts'
export { explain, type Fault } from './explain.ts'
export type { WarmWindow } from './keep-warm.ts'
export { didYouMean, nearestName } from './nearest-name.ts'
export { podSchema, type PodSettings, type VolumeSettings } from './pod.ts'
export { objectNames, type ObjectNames } from './object-names.ts'
export { formatSize, parseSize } from './sizes.ts'
export type { BackendSettings, FlatSettings, Settings } from './types.ts'
export type { SettingKey } from './settings.ts'
export { groupHelp, registerSettings, settingsFromFlags } from './flags.ts'
export { givenSettings } from './given.ts'
export { loadSettings, type LoadOptions } from './load.ts'
export { backendFields, groups, settingsJsonSchema, settingsReference } from './reference.ts'
export {
  reportSettings,
  type ReportedBackend,
  type ReportedSetting,
  type SettingsReport,
} from './report.ts'
