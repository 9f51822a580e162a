import type { WarmthSettings } from '../../admission/index.ts'
import type { Settings, WarmWindow } from '../../config/index.ts'

/** Those of the backends first, as they say where. */
export function windowsOf({ backends, keepWarm }: Settings): readonly WarmWindow[] {
  const own = backends.flatMap(({ name, keepWarm: windows }) =>
    windows.map((window): WarmWindow => Object.assign({}, window, { backend: name })),
  )
  return [...own, ...keepWarm]
}

export function warmthOf({ preload, returnToDefault, defaultModel }: Settings): WarmthSettings {
  return { preload, returnTo: returnToDefault ? defaultModel : undefined }
}
