import { signal } from '@preact/signals'

const themes = ['system', 'light', 'dark'] as const
type Theme = (typeof themes)[number]
const key = 'vllm-chill theme'

const theme = signal<Theme>(stored())
theme.subscribe((chosen) => {
  document.documentElement.dataset['theme'] = chosen
})

/** As the system has it, unless somebody wants it otherwise. */
export function ThemeChoice() {
  return (
    <label class="theme">
      <span class="hidden">Theme</span>
      <select
        value={theme.value}
        onChange={({ currentTarget }) => {
          theme.value = currentTarget.value as Theme
          localStorage.setItem(key, theme.value)
        }}
      >
        {themes.map((one) => (
          <option key={one} value={one}>
            {one === 'system' ? 'As the system' : one === 'light' ? 'Light' : 'Dark'}
          </option>
        ))}
      </select>
    </label>
  )
}

function stored(): Theme {
  try {
    return themes.find((one) => one === localStorage.getItem(key)) ?? 'system'
  } catch {
    return 'system'
  }
}
