import { useSyncExternalStore } from "react"

const themes = ["system", "light", "dark"] as const

/** The colours of the page: those of the operating system, unless the member of staff has chosen others. */
export type Theme = (typeof themes)[number]

const key = "console-theme"
const listeners = new Set<() => void>()

const isTheme = (value: unknown): value is Theme => themes.some((theme) => theme === value)

// Storage is not available if the browser blocks it.
const read = (): Theme => {
  try {
    const stored = localStorage.getItem(key)
    return isTheme(stored) ? stored : "system"
  } catch {
    return "system"
  }
}

const write = (theme: Theme): void => {
  try {
    localStorage.setItem(key, theme)
  } catch {
    // The choice then lasts until the page is closed.
  }
}

let current = read()

/** Applies the stored theme, before the first render. */
export const applyTheme = (): void => {
  if (current === "system") delete document.documentElement.dataset["theme"]
  else document.documentElement.dataset["theme"] = current
}

export const setTheme = (theme: Theme): void => {
  current = theme
  write(theme)
  applyTheme()
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const useTheme = (): Theme => useSyncExternalStore(subscribe, () => current)

export const nextTheme = (theme: Theme): Theme => themes[(themes.indexOf(theme) + 1) % themes.length] ?? "system"
