import { Button } from "../ui/Button.tsx"
import { nextTheme, setTheme, useTheme } from "./Theme.ts"

const labels = { system: "System", light: "Light", dark: "Dark" } as const

/** Changes between the colours of the system, light and dark. */
export const ThemeButton = () => {
  const theme = useTheme()
  return (
    <Button look="quiet" aria-label={`Colours: ${labels[theme]}`} onClick={() => setTheme(nextTheme(theme))}>
      <span aria-hidden="true">◐</span> <span className="theme">{labels[theme]}</span>
    </Button>
  )
}
