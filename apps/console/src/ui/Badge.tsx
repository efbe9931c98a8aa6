import type { ReactNode } from "react"

export const Badge = ({ children, tone }: { children: ReactNode; tone?: "good" | "bad" | "warn" }) => (
  <span className={tone === undefined ? "badge" : `badge ${tone}`}>{children}</span>
)
